"""What the views count by comes from the definitions, and only from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from calls_given import call, given

from cdr_engine.definitions import FORMULAS, Definitions, ProfileDefinitions
from cdr_engine.errors import ConfigError, ViewError
from cdr_engine.settings import load_settings
from cdr_engine.views import catalogue, connect, query, view_statements, write_database

WAITS = [
    call(queue_time=10),
    call(queue_time=20),
    call(queue_time=21),
    call(queue_time=None),
    call(result="ABANDON", queue_time=4),
    call(result="ABANDON", queue_time=5),
    call(result="ABANDON", queue_time=20),
    call(result="ABANDON", queue_time=50),
    call(result="ABANDON", queue_time=None),
    call(result="DEFLECTED", queue_time=1),
]
LEVELS = {
    "abandons_against": (2, 9),
    "abandons_in_time_left_out": (2, 6),
    "short_abandons_left_out": (2, 8),
    "abandons_in_time_for": (5, 9),
    "answered_only": (2, 4),
}


MONDAYS = ("01-06", "01-13", "01-20", "01-27", "02-03", "02-10")


def asked(dataset: Path, text: str, **said: Any) -> list[dict[str, Any]]:
    """Rows of a view or query under definitions."""
    views = catalogue(Definitions(**said))
    return query(connect(dataset, views=views, asked=text), text).read_all().to_pylist()


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_of_service_level(tmp_path: Path, formula: str) -> None:
    """Each of the five published formulas counts what its name says."""
    given(tmp_path, *WAITS)

    (row,) = asked(tmp_path, "answer_speed", service_level_formula=formula)

    met, counted = LEVELS[formula]
    assert (met, counted) == (row["n_service_level_met"], row["n_service_level"])
    assert met / counted == row["service_level_rate"]


def test_thresholds_of_a_profile(tmp_path: Path) -> None:
    """A profile's own threshold holds for it alone, and what it does not say is as for all."""
    given(
        tmp_path,
        *(
            call(uii=f"{seconds}", cloud_profile_id=profile, queue_time=8, connected_duration=100)
            for profile in (1, 2, None)
            for seconds in (1, 2)
        ),
        call(result="ABANDON", cloud_profile_id=2, queue_time=8),
    )

    rows = asked(
        tmp_path,
        "select cloud_profile_id as id, bool_and(is_in_time) as is_in_time, "
        "bool_or(is_qualified) as is_qualified, bool_or(is_short_abandon) as is_short_abandon "
        "from stg_calls group by id order by id",
        service_level_s=5,
        profiles={"2": ProfileDefinitions(service_level_s=8, qualified_call_s=100)},
    )

    assert [
        {"id": 1, "is_in_time": False, "is_qualified": False, "is_short_abandon": False},
        {"id": 2, "is_in_time": True, "is_qualified": True, "is_short_abandon": False},
        {"id": None, "is_in_time": False, "is_qualified": False, "is_short_abandon": False},
    ] == rows


@pytest.mark.parametrize(
    ("said", "is_burst"),
    [({}, False), ({"burst_calls": 3}, True), ({"burst_calls": 3, "burst_z": 6.5}, False)],
)
def test_bursts(tmp_path: Path, said: dict[str, Any], is_burst: bool) -> None:
    """How many calls are a burst, and how far above the hours before, is a definition."""
    given(tmp_path, call("2025-01-01 05:00"), *(call(f"2025-01-01 09:0{n}") for n in range(3)))

    rows = asked(tmp_path, "select z, is_burst from media_bursts where n_calls = 3", **said)

    assert [{"z": 6.0, "is_burst": is_burst}] == rows


@pytest.mark.parametrize(("days", "n_calls"), [(30, 2), (10, 2), (9, 1)])
def test_first_touch_days(tmp_path: Path, days: int, n_calls: int) -> None:
    """For how long calls are held to come from the first advertisement is a definition."""
    first, again = (
        call(f"2025-01-{day} 12:00", ani="5557654321", media_code="TV-1") for day in (10, 20)
    )
    given(tmp_path, first, again)

    (row,) = asked(tmp_path, "first_touch", first_touch_days=days)

    assert n_calls == row["n_calls"]


@pytest.mark.parametrize(("anomaly_z", "is_anomaly"), [(3.5, False), (2, False), (1.9, True)])
def test_anomalies(tmp_path: Path, anomaly_z: float, is_anomaly: bool) -> None:
    """How far a day lies from its weekday to be an anomaly is a definition."""
    mondays = [call(f"2025-{day} 12:{n:02}") for day in MONDAYS[:-1] for n in range(4)]
    busy = [call(f"2025-{MONDAYS[-1]} 12:{n:02}") for n in range(8)]
    given(tmp_path, call("2025-01-05 12:00"), *mondays, *busy, call("2025-02-11 12:00"))

    rows = asked(
        tmp_path,
        "select robust_z, is_anomaly from daily_anomalies where n_offered = 8",
        anomaly_z=anomaly_z,
    )

    assert [{"robust_z": 2.0, "is_anomaly": is_anomaly}] == rows


def test_words(tmp_path: Path) -> None:
    """A word counts as what the definitions say, in whatever case it is written."""
    given(tmp_path, call(result="Voicemail (3)"), call(result="CONNECTED"), call(result="HUH"))

    (row,) = asked(
        tmp_path,
        "connect_rate_by_profile",
        words={"voicemail ": "connected", "CONNECTED": "deflected"},
    )

    assert (3, 1) == (row["n_offered"], row["n_connected"])


def test_definitions_are_in_the_database(tmp_path: Path) -> None:
    """`cdr.duckdb` counts by the definitions that it was written with."""
    import duckdb

    given(tmp_path, *WAITS)
    views = catalogue(Definitions(service_level_formula="answered_only"))
    path = write_database(tmp_path, views=views)

    with duckdb.connect(str(path), read_only=True) as con:
        rows = con.execute("select service_level_rate from answer_speed").fetchall()

    assert [(0.5,)] == rows


CDR_TOML = """
views = "mine"

[definitions]
service_level_s = 30

[definitions.profiles.60001]
qualified_call_s = 90

[definitions.words]
VOICEMAIL = "connected"
"""


def test_cdr_toml(tmp_path: Path) -> None:
    """Definitions are a table of `cdr.toml`; the working folder's says more than the user's."""
    user = tmp_path / "config" / "cdr" / "cdr.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[definitions]\nservice_level_s = 1\nshort_call_s = 2\n")
    (tmp_path / "cdr.toml").write_text(CDR_TOML)

    settings = load_settings(
        {}, environment={"XDG_CONFIG_HOME": str(tmp_path / "config")}, folder=tmp_path
    )

    said = settings.definitions
    assert (30, 2, 5) == (said.service_level_s, said.short_call_s, said.short_abandon_s)
    assert said.profiles == {"60001": ProfileDefinitions(qualified_call_s=90)}
    assert said.words == {"VOICEMAIL": "connected"}
    assert tmp_path / "mine" == settings.views_path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[definitions]\nservice_level_s = -1", "service_level_s"),
        ("[definitions]\nservice_level_formula = 'best'", "service_level_formula"),
        ("[definitions]\nservise_level_s = 1", "servise_level_s"),
        ("[definitions]\nuii_time_zone = 'Mars'", "uii_time_zone"),
        ("[definitions.profiles.Sales]\nqualified_call_s = 9", "definitions.profiles.Sales"),
        ("[definitions.words]\nVOICEMAIL = 'good'", "words"),
    ],
)
def test_bad_definitions(tmp_path: Path, text: str, word: str) -> None:
    """What makes no sense is an error that names the file and the value."""
    (tmp_path / "cdr.toml").write_text(text)

    with pytest.raises(ConfigError, match=word) as caught:
        load_settings({}, environment={"XDG_CONFIG_HOME": str(tmp_path / "x")}, folder=tmp_path)

    assert str(tmp_path / "cdr.toml") in str(caught.value)


def mine(folder: Path, **files: str) -> Path:
    """A folder of views."""
    (folder / "mine").mkdir()
    for name, text in files.items():
        (folder / "mine" / f"{name}.sql").write_text(text)
    return folder / "mine"


OWN = {
    "twice": "-- grain: one row per profile\n-- formula: 2 x offered\n\n"
    "select cloud_profile_id, 2 * n as n from once;\n",
    "once": "select cloud_profile_id, sum(n_offered) as n from abandonment group by all",
}


def test_own_views_join_the_others(tmp_path: Path) -> None:
    """A user's files are views like the others, whichever of them reads which."""
    import duckdb

    dataset = given(tmp_path / "dataset", call(), call(uii="2"))
    views = catalogue(own=mine(tmp_path, **OWN))

    rows = query(connect(dataset, views=views), "twice").read_all().to_pylist()
    with duckdb.connect(str(write_database(dataset, views=views)), read_only=True) as con:
        elsewhere = con.execute("from twice").fetchall()

    assert [{"cloud_profile_id": 1, "n": 4}] == rows
    assert [(1, 4)] == elsewhere
    (twice,) = (view for view in views if view.name == "twice")
    assert ("one row per profile", "2 x offered", "not stated", "not stated") == (
        twice.grain,
        twice.formula,
        twice.source,
        twice.caveat,
    )
    printed = {s.view: s.sql for s in view_statements("spark", views=views)}
    assert "CREATE OR REPLACE VIEW twice" in printed["twice"]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"abandonment": "select 1"}, "abandonment already"),
        ({"calls": "select 1"}, "calls already"),
        ({"Big Name": "select 1"}, "Big Name.sql"),
        ({"empty": "-- grain: none\n"}, "has no SELECT"),
        ({"a": "from b", "b": "from a"}, "a and b read each other"),
    ],
)
def test_bad_folders(tmp_path: Path, files: dict[str, str], error: str) -> None:
    """A view that cannot join is an error that names its file."""
    with pytest.raises(ConfigError, match=error):
        catalogue(own=mine(tmp_path, **files))


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there is an error, not an empty list."""
    with pytest.raises(ConfigError, match="no folder"):
        catalogue(own=tmp_path / "gone")


def test_own_view_that_is_no_sql(tmp_path: Path) -> None:
    """SQL that DuckDB refuses is an error that names the view."""
    dataset = given(tmp_path / "dataset", call())

    views = catalogue(own=mine(tmp_path, broken="select nothing from nowhere"))

    for make in (connect, write_database):
        with pytest.raises(ViewError, match="view broken"):
            make(dataset, views=views)
