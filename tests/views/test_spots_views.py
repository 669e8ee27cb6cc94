"""spot_response and cost_per_call: calls and airings in, answers out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from calls_given import ask, at, call, given, one

from cdr_engine import ingest_spots
from cdr_engine.views import (
    Selection,
    catalogue,
    connect,
    query,
    restrict,
    view_statements,
    write_database,
)

AIRED = at("2025-02-03 12:00")
WEEK = timedelta(weeks=1)
GOOD = {"result": "CONNECTED", "connected_duration": 120}


def rung(*starts: datetime, code: str | None = "A1", **cells: Any) -> list[dict[str, Any]]:
    """Calls of a code."""
    return [call(f"{start}", media_code=code, **cells) for start in starts]


def after(*minutes: float, week: int = 0) -> list[datetime]:
    """Moments after the airing, or so many weeks before them."""
    return [AIRED - week * WEEK + timedelta(minutes=n) for n in minutes]


def span() -> list[dict[str, Any]]:
    """Calls without a code four weeks before the airing and one after it."""
    return rung(AIRED - 4 * WEEK - timedelta(hours=1), AIRED + WEEK, code=None)


def aired(dataset: Path, *lines: str, **options: Any) -> Path:
    """Load a log of lines `time,code,network,market,cost`."""
    log = dataset / f"log-{len(list(dataset.glob('log-*')))}.csv"
    log.parent.mkdir(exist_ok=True)
    log.write_text("\n".join(["time,code,network,market,cost", *lines]))
    ingest_spots(log, dataset, **{"time_zone": "UTC"} | options)
    return dataset


SPOT = "2025-02-03 12:00,A1,,,100"


def response(dataset: Path, *columns: str, **options: Any) -> Any:
    """Those columns of the only airing."""
    return one(dataset, "spot_response", *columns, **options)


def test_without_spots(tmp_path: Path) -> None:
    """A dataset without a log has no airing, and nothing to divide."""
    given(tmp_path, call())

    for view in ("spots", "spot_response", "cost_per_call"):
        assert [] == ask(tmp_path, view)


def test_without_calls(tmp_path: Path) -> None:
    """Airings without any call are there; their calls are not known rather than none."""
    aired(tmp_path, SPOT)

    assert (None, None, 0) == response(tmp_path, "n_calls", "n_response", "n_baseline_weeks")
    (row,) = ask(tmp_path, "cost_per_call")
    assert (1, Decimal(100), None, None) == (
        row["n_spots"], row["cost"], row["n_calls"], row["cost_per_call"]
    )  # fmt: skip


def test_calls_minus_baseline(tmp_path: Path) -> None:
    """Calls within eight minutes count; the mean of the four weeks before is taken off."""
    within = rung(*after(0, 3, 7.9), **GOOD)
    without = rung(*after(-0.1, 8))
    earlier = [*rung(*after(1, 2, week=1)), *rung(*after(5, week=3), **GOOD)]
    aired(given(tmp_path, *within, *without, *earlier, *span()), SPOT)

    columns = ("n_calls", "n_baseline_weeks", "baseline_calls", "n_response", "n_qualified")
    assert (3, 4, 0.75, 2.25, 3) == response(tmp_path, *columns)
    (row,) = ask(tmp_path, "cost_per_call")
    assert row["cost_per_call"] == pytest.approx(100 / 2.25)
    assert row["cost_per_qualified_call"] == pytest.approx(100 / 2.75)


def test_weeks_with_an_airing_are_no_baseline(tmp_path: Path) -> None:
    """A week in which the code was aired so that the times meet is left out, to the second."""
    given(tmp_path, *rung(*after(1), *after(1, 2, week=1)), *span())
    aired(tmp_path, SPOT, "2025-01-27 11:52:01,A1,,,", "2025-01-20 12:08,A1,,,")
    rows = ask(tmp_path, "from spot_response order by line")

    assert (1, 3, 0) == tuple(
        rows[0][name] for name in ("n_calls", "n_baseline_weeks", "baseline_calls")
    )


def test_a_call_belongs_to_the_latest_airing(tmp_path: Path) -> None:
    """Airings that overlap share no call, and their baselines are cut the same way."""
    given(tmp_path, *rung(*after(1, 4, 9)), *rung(*after(2, 4, 5, week=1)), *span())
    aired(tmp_path, SPOT, "2025-02-03 12:03,a1,,,")
    rows = ask(tmp_path, "from spot_response order by line")

    assert [1, 2] == [row["n_calls"] for row in rows]
    assert [0.25, 0.5] == [row["baseline_calls"] for row in rows]


def test_ties_go_to_the_airing_that_names_more(tmp_path: Path) -> None:
    """Of airings at one moment the one that names the call's network has it, then the first."""
    cells = {"media_network": "KBLU", "media_market": "Reno"}
    given(tmp_path, *rung(*after(1), **cells), *rung(*after(2)), *span())
    aired(tmp_path, SPOT, SPOT, "2025-02-03 12:00,A1,kblu,,", "2025-02-03 12:00,A1,WXYZ,,")

    assert [1, 0, 1, 0] == [
        row["n_calls"] for row in ask(tmp_path, "from spot_response order by line")
    ]


def test_accounts(tmp_path: Path) -> None:
    """An airing with an account has that account's calls, one without has all of them."""
    for account, starts in (("1", after(1)), ("2", after(1, 2))):
        given(tmp_path, *rung(*starts), *span(), account=account)
    aired(tmp_path, SPOT, account_id="2")
    assert ("2", 2) == response(tmp_path, "account_id", "n_calls")

    aired(tmp_path, "2025-02-03 12:10,A1,,,")
    other = rung(AIRED + timedelta(minutes=11))
    given(tmp_path, *other, account="1", window="x")
    given(tmp_path, *other, account="2", window="x")
    rows = ask(tmp_path, "from spot_response order by aired_at")
    assert [("2", 2), (None, 2)] == [(row["account_id"], row["n_calls"]) for row in rows]


def test_baseline_is_at_the_same_local_time(tmp_path: Path) -> None:
    """The week before a change of the clocks is looked at by its wall clock."""
    sunday = at("2025-11-03 12:00-05:00")
    before = at("2025-10-27 12:03-04:00")
    edges = rung(before - WEEK, sunday + WEEK, code=None)
    given(tmp_path, *rung(sunday, before), *edges)
    aired(tmp_path, "2025-11-03T12:00-05:00,A1,,,")

    assert (1, 1) == response(
        tmp_path, "n_baseline_weeks", "baseline_calls", zone="America/New_York"
    )
    assert 0 == response(tmp_path, "baseline_calls", zone="UTC")


def test_time_without_calls_around_is_not_known(tmp_path: Path) -> None:
    """Behind the dataset's last call nobody knows who rang: NULL, not none."""
    given(tmp_path, *rung(AIRED - WEEK, *after(1, 7)))
    aired(tmp_path, SPOT)

    assert (None, None) == response(tmp_path, "n_calls", "n_response")


def test_airings_without_cost(tmp_path: Path) -> None:
    """Airings whose cost is not known do not make the others' calls cheaper."""
    given(tmp_path, *rung(*after(1), *after(61, 62)), *span())
    aired(tmp_path, SPOT, "2025-02-03 13:00,A1,,,")
    (row,) = ask(tmp_path, "cost_per_call")

    assert (2, 1, 1, 3, 100) == tuple(
        row[name]
        for name in ("n_spots", "n_spots_with_cost", "n_spots_compared", "n_calls", "cost_per_call")
    )


def test_selection(tmp_path: Path) -> None:
    """A period takes its airings, an account its own and those of nobody."""
    given(tmp_path, *rung(*after(1)), *span(), account="1")
    aired(tmp_path, SPOT, "2025-02-04 12:00,A1,,,", account_id="1")
    aired(tmp_path, "2025-02-03 18:00,A1,,,", account_id="2")
    aired(tmp_path, "2025-02-03 19:00,A1,,,")

    def lines(selection: Selection) -> list[tuple[str | None, int]]:
        con = connect(tmp_path)
        restrict(con, selection)
        rows = query(con, "from spot_response order by aired_at").read_all().to_pylist()
        return [(row["account_id"], row["aired_at"].day) for row in rows]

    assert [("1", 3), ("2", 3), (None, 3)] == lines(Selection(end=datetime(2025, 2, 4, tzinfo=UTC)))
    assert [("1", 3), (None, 3), ("1", 4)] == lines(Selection(accounts=("1",)))
    assert 4 == len(lines(Selection(profiles=("1",))))


def test_responses_do_not_depend_on_the_period(tmp_path: Path) -> None:
    """The weeks before a period are its baseline, and airings around it keep their calls."""
    given(tmp_path, *rung(*after(1, 4), *after(2, 4, week=2)), *span())
    aired(
        tmp_path,
        "2025-02-03 11:58,A1,,,7",
        SPOT,
        "2025-02-03 12:03,A1,,,",
        "2025-01-27 12:00,A1,,,",
    )
    (wanted,) = ask(tmp_path, f"from spot_response where aired_at = '{AIRED}'")
    con = connect(tmp_path)
    restrict(con, Selection(start=AIRED, end=AIRED + timedelta(minutes=1)))
    (found,) = query(con, "spot_response").read_all().to_pylist()
    (cost,) = query(con, "cost_per_call").read_all().to_pylist()

    assert wanted == found
    assert (1, 3) == (found["n_calls"], found["n_baseline_weeks"])
    assert (1, 100) == (cost["n_spots"], cost["cost"])


def test_minutes_come_from_the_definitions(tmp_path: Path) -> None:
    """spot_response_minutes says how long a call may take."""
    from cdr_engine.definitions import Definitions

    given(tmp_path, *rung(*after(1, 9, 19, 20)), *span())
    aired(tmp_path, SPOT)
    con = connect(tmp_path, views=catalogue(Definitions(spot_response_minutes=20)))

    (row,) = query(con, "spot_response").read_all().to_pylist()
    assert 3 == row["n_calls"]


def test_database_file(tmp_path: Path) -> None:
    """cdr.duckdb has the airings too, wherever the dataset was moved to."""
    here, there = tmp_path / "here", tmp_path / "there"
    aired(given(here, *rung(*after(1)), *span()), SPOT)
    write_database(here)
    here.rename(there)

    with duckdb.connect(there / "cdr.duckdb", read_only=True) as con:
        assert [(1,)] == con.execute("select n_calls from spot_response").fetchall()


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_elsewhere(dialect: str) -> None:
    """Elsewhere there are no spots: what reads them is refused with that reason."""
    found = {statement.view: statement for statement in view_statements(dialect)}

    for view in ("stg_spots", "stg_spot_responses", "spot_response", "cost_per_call"):
        assert ("", ("spots",)) == (found[view].sql, found[view].reasons)
