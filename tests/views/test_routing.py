"""Views of routing: rows given, rows expected."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from calls_given import ask, call, given, one
from plain_python import rate

if TYPE_CHECKING:
    from pathlib import Path

VIEWS = ("attempt_funnel", "failover_matrix", "ring_time", "destination_share", "cellular_split")

ROUTED = {
    "attempt_1_id": 7,
    "attempt_1_name": "Desk",
    "attempt_1_disp": "NOANSWER(20)",
    "attempt_2_id": 8,
    "attempt_2_name": "Shop",
    "attempt_2_disp": "ANSWER(4)",
    "connected_id": 8,
    "connected_name": "Shop",
    "connected_duration": 90,
    "is_cellular": True,
}
"""Rung out at the first destination, answered by the second."""


def tried(first: str | None, second: str | None = None, **cells: Any) -> dict[str, Any]:
    """A call with dispositions of its attempts, at destinations 7 and 8."""
    given = {"attempt_1_id": 7, "attempt_1_disp": first}
    if second:
        given |= {"attempt_2_id": 8, "attempt_2_disp": second}
    return call(**given | cells)


@pytest.mark.parametrize("view", VIEWS)
def test_no_calls(tmp_path: Path, view: str) -> None:
    """Without calls there is no row."""
    assert ask(tmp_path, view) == []


def test_one_call_in_every_view(tmp_path: Path) -> None:
    """One call is one row of each view, and two of ring_time."""
    given(tmp_path, call(**ROUTED, dequeue_attempts=2))

    (matrix,) = ask(tmp_path, "failover_matrix")
    assert matrix == {
        "account_id": "13670001",
        "cloud_profile_id": 1,
        "first_destination_id": 7,
        "second_destination_id": 8,
        "profile_name": "Sales",
        "first_destination_name": "Desk",
        "second_destination_name": "Shop",
        "n_overflowed": 1,
        "n_rescued": 1,
        **{name: pytest.approx(value) for name, value in rate("rescue_rate", 1, 1).items()},
        "is_small_sample": True,
    }
    (share,) = ask(tmp_path, "destination_share")
    assert (share["day"], share["destination_id"], share["destination_name"]) == (
        dt.date(2025, 1, 2),
        8,
        "Shop",
    )
    assert (share["n_calls"], share["call_share"]) == (1, 1)
    assert (share["talk_minutes"], share["talk_share"]) == (1.5, 1)
    assert [(7, "NOANSWER", 20), (8, "ANSWER", 4)] == [
        (row["destination_id"], row["disposition_word"], row["mean_ring_s"])
        for row in ask(tmp_path, "from ring_time order by attempt_number")
    ]
    assert one(tmp_path, "cellular_split", "is_cellular", "mean_talk_s") == (True, 90)


def test_call_of_nothing_but_null(tmp_path: Path) -> None:
    """A call whose every cell is NULL is offered, untried, and in no view of attempts."""
    given(tmp_path, dict.fromkeys(call()))

    columns = ("day", "cloud_profile_id", "n_offered", "n_tried", "n_exhausted")
    assert one(tmp_path, "attempt_funnel", *columns) == (None, None, 1, 0, 0)
    rates = ("first_answer_rate", "first_answer_rate_low", "exhausted_rate", "exhausted_rate_high")
    assert one(tmp_path, "attempt_funnel", *rates) == (None,) * 4
    columns = ("cloud_profile_id", "is_cellular", "n_offered", "connect_rate", "mean_talk_s")
    assert one(tmp_path, "cellular_split", *columns) == (None, None, 1, 0, None)
    for view in ("failover_matrix", "ring_time", "destination_share"):
        assert ask(tmp_path, view) == []


def test_funnel(tmp_path: Path) -> None:
    """Each stage counts its calls; what the report does not show of them is counted apart."""
    given(
        tmp_path,
        tried("ANSWER(3)", dequeue_attempts=1),
        tried("NOANSWER(20)", "ANSWER(9)", dequeue_attempts=2),
        tried("BUSY", "NOANSWER(20)", dequeue_attempts=3),
        tried("BUSY", "CONGESTION", result="DEFLECTED", dequeue_attempts=2),
        tried("NOANSWER(8)", result="ABANDON", dequeue_attempts=1),
        call(result="HUH", dequeue_attempts=1),
        call(result="ABANDON", dequeue_attempts=0),
    )
    (row,) = ask(tmp_path, "attempt_funnel")

    counts = {name: value for name, value in row.items() if name.startswith("n_")}
    assert counts == {
        "n_offered": 7,
        "n_tried": 6,
        "n_tried_first": 5,
        "n_answered_first": 1,
        "n_tried_second": 3,
        "n_answered_second": 1,
        "n_tried_unshown": 2,
        "n_connected": 3,
        "n_connected_unshown": 1,
        "n_exhausted": 2,
    }
    assert row["first_answer_rate"] == 1 / 5
    assert row["second_answer_rate"] == pytest.approx(1 / 3)
    assert row["exhausted_rate"] == pytest.approx(2 / 6)
    expected = rate("second_answer_rate", 1, 3, "second_answer_rate")
    assert row["second_answer_rate_low"] == pytest.approx(expected["second_answer_rate_low"])
    assert row["second_answer_rate_high"] == pytest.approx(expected["second_answer_rate_high"])


def test_counted_attempts_may_be_fewer_than_shown(tmp_path: Path) -> None:
    """An attempt that is shown is a tried call, though dequeue_attempts says 0 or nothing."""
    given(tmp_path, tried("BUSY", dequeue_attempts=0), tried("BUSY", dequeue_attempts=None))

    assert one(tmp_path, "attempt_funnel", "n_tried", "n_tried_unshown") == (2, 0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("NOANSWER(20)", "ANSWER(1)", (1, 1)),
        ("noanswer", "answered", (1, 1)),
        ("BUSY", "BUSY", (1, 0)),
        ("WOMBAT", "WOMBAT(3)", (1, 0)),
        (None, "ANSWER(1)", (1, 1)),
        ("ANSWER(3)", "ANSWER(1)", None),
        ("BUSY", None, None),
    ],
)
def test_overflow(
    tmp_path: Path, first: str | None, second: str | None, expected: tuple[int, int] | None
) -> None:
    """A call overflows when its first attempt is no answer and a second one is shown."""
    given(tmp_path, tried(first, second))
    found = [(row["n_overflowed"], row["n_rescued"]) for row in ask(tmp_path, "failover_matrix")]

    assert found == ([expected] if expected else [])


def test_overflow_from_nowhere(tmp_path: Path) -> None:
    """Destinations without an id are a row with NULL; a second attempt alone is no overflow."""
    named = {"attempt_1_name": "Desk", "attempt_1_disp": "BUSY", "attempt_2_route": "sip:x"}
    given(tmp_path, call(**named), call(attempt_2_id=8, attempt_2_disp="ANSWER(1)"))

    columns = ("first_destination_id", "second_destination_id", "n_overflowed", "n_rescued")
    assert one(tmp_path, "failover_matrix", *columns) == (None, None, 1, 0)


def test_ring_time(tmp_path: Path) -> None:
    """Seconds are of those attempts that have any; quantiles lie between the two nearest."""
    rings = ["ANSWER(2)", "ANSWER(4)", "answer (9)", "ANSWER", "BUSY"]
    given(tmp_path, *(tried(ring) for ring in rings))
    rows = ask(tmp_path, "from ring_time order by disposition_word")

    assert rows[0] == {
        "account_id": "13670001",
        "destination_id": 7,
        "attempt_number": 1,
        "disposition_word": "ANSWER",
        "destination_name": None,
        "n_attempts": 4,
        "n_rings": 3,
        "mean_ring_s": 5,
        "p50_ring_s": 4,
        "p90_ring_s": 8,
        "is_small_sample": True,
    }
    assert (rows[1]["n_attempts"], rows[1]["n_rings"], rows[1]["p50_ring_s"]) == (1, 0, None)


def test_destination_share(tmp_path: Path) -> None:
    """Shares are of the profile's day; calls that nobody took, or of other days, are not in it."""
    given(
        tmp_path,
        call(connected_id=7, connected_duration=60),
        call(connected_id=7, connected_duration=None),
        call(connected_id=8, connected_duration=30),
        call(connected_id=None, connected_duration=30),
        call(result="ABANDON", connected_duration=999),
        call("2025-01-03 12:00", connected_id=7, connected_duration=0),
        call(cloud_profile_id=None, connected_id=7, connected_duration=600),
    )
    rows = ask(
        tmp_path,
        "from destination_share order by day, cloud_profile_id nulls last, destination_id",
    )

    assert [
        (7, 2, 0.5, 1.0, 0.5),
        (8, 1, 0.25, 0.5, 0.25),
        (None, 1, 0.25, 0.5, 0.25),
        (7, 1, 1, 10, 1),
        (7, 1, 1, 0, None),
    ] == [
        tuple(
            row[name]
            for name in ("destination_id", "n_calls", "call_share", "talk_minutes", "talk_share")
        )
        for row in rows
    ]


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("America/New_York", "2025-11-02 03:59", "2025-11-02 04:00"),
        ("America/New_York", "2025-03-10 03:59", "2025-03-10 04:00"),
        ("UTC", "2025-12-31 23:59", "2026-01-01 00:00"),
    ],
)
def test_days_part_at_local_midnight(tmp_path: Path, zone: str, before: str, after: str) -> None:
    """Shares of two calls a minute apart are each the whole, where midnight lies between them."""
    given(tmp_path, call(before, **ROUTED), call(after, **ROUTED))
    for view in ("destination_share", "attempt_funnel"):
        days = [row["day"] for row in ask(tmp_path, f"from {view} order by day", zone=zone)]
        assert days[1] - days[0] == dt.timedelta(days=1)


def test_cellular_split(tmp_path: Path) -> None:
    """Cellular, other and untold telephones are rows; the mean talk is of connected calls."""
    given(
        tmp_path,
        call(is_cellular=True, connected_duration=10),
        call(is_cellular=True, connected_duration=30),
        call(result="ABANDON", is_cellular=True, connected_duration=500),
        call(is_cellular=False),
        call(result="ABANDON", is_cellular=None),
    )
    rows = ask(tmp_path, "from cellular_split order by is_cellular desc nulls last")

    assert [(True, 3, 2, 20), (False, 1, 1, None), (None, 1, 0, None)] == [
        tuple(row[name] for name in ("is_cellular", "n_offered", "n_connected", "mean_talk_s"))
        for row in rows
    ]
    assert rows[0]["rate_high"] == pytest.approx(rate("r", 2, 3)["rate_high"])


def test_small_samples(tmp_path: Path) -> None:
    """Thirty calls are no small sample, 29 are."""
    for account, n in (("1", 29), ("2", 30)):
        given(tmp_path, *[call(**ROUTED)] * n, account=account)
    for view in ("failover_matrix", "ring_time", "cellular_split"):
        found = {(r["account_id"], r["is_small_sample"]) for r in ask(tmp_path, view)}
        assert found == {("1", True), ("2", False)}


@pytest.mark.parametrize("view", VIEWS)
def test_accounts_stay_apart(tmp_path: Path, view: str) -> None:
    """Equal profiles and destinations of two accounts, or of none, are never added up."""
    for account in ("1", "2", "__HIVE_DEFAULT_PARTITION__"):
        given(tmp_path, call(**ROUTED), account=account)
    rows = ask(tmp_path, f"select distinct account_id from {view} order by 1")
    counts = ask(tmp_path, f"select count(*) as n from {view}")

    assert [row["account_id"] for row in rows] == ["1", "2", None]
    assert counts[0]["n"] == 3 * (2 if view == "ring_time" else 1)


def test_names_are_the_latest(tmp_path: Path) -> None:
    """A destination that was renamed shows its latest name; at one minute the last in order."""
    for minute, name in ((1, "Zeta"), (2, "Alpha"), (2, "Beta"), (3, None)):
        names = {key: name for key in ROUTED if key.endswith("_name")}
        given(tmp_path, call(f"2025-01-02 12:0{minute}", **ROUTED | names), window=f"{name}")

    assert one(tmp_path, "destination_share", "destination_name") == "Beta"
    columns = ("first_destination_name", "second_destination_name")
    assert one(tmp_path, "failover_matrix", *columns) == ("Beta", "Beta")
    assert {row["destination_name"] for row in ask(tmp_path, "ring_time")} == {"Beta"}
