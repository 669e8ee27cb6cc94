"""The three views of quality: rows in, counts out."""

from __future__ import annotations

from datetime import date, timedelta
from math import exp
from pathlib import Path
from typing import Any

import pytest
from calls_given import ask, at, call, given, one

from cdr_engine.views import connect, query

DAY = date(2025, 1, 2)
CLOCK = "20250102070000" + "1" * 16
"""The clock of noon in UTC, in US Eastern."""


def counts(dataset: Path, **options: Any) -> dict[str, int]:
    """What data_quality counts in its only row; zeros and the key are left out."""
    (row,) = ask(dataset, "data_quality", **options)
    return {
        name: value for name, value in row.items() if value and name not in ("account_id", "day")
    }


BARE = {"n_calls": 1, "n_without_ani": 1, "n_minute_clocks": 1, "n_results": 1}


def test_no_calls(tmp_path: Path) -> None:
    """A dataset without calls has no day, no anomaly and no gap."""
    for view in ("data_quality", "daily_anomalies", "coverage_gaps", "stg_hours"):
        assert [] == ask(tmp_path, view)


def test_a_call_without_anything(tmp_path: Path) -> None:
    """A call of NULLs counts in the day that is NULL; the other two views leave it out."""
    empty = call(None, None, uii=None, cloud_profile_id=None, profile_name=None)
    given(tmp_path, empty)

    assert {"n_calls": 1, "n_without_time": 1, "n_without_ani": 1} == counts(tmp_path)
    assert one(tmp_path, "data_quality", "day") is None
    assert [] == ask(tmp_path, "daily_anomalies") + ask(tmp_path, "stg_hours")


FAULTS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "ani": ({"ani": "5551234567"}, {"n_without_ani": 0}),
    "no destination": (
        {"call_result": "CONNECTED"},
        {"n_connected": 1, "n_without_destination": 1},
    ),
    "destination by name": (
        {"call_result": "CONNECTED", "connected_name": "Desk"},
        {"n_connected": 1},
    ),
    "durations 2 s off": (
        {"queue_time": 5, "connected_duration": 10, "inbound_duration": 17,
         "call_result": "CONNECTED", "connected_id": 1},
        {"n_connected": 1, "n_with_durations": 1},
    ),
    "durations 3 s off": (
        {"queue_time": 5, "connected_duration": 10, "inbound_duration": 12,
         "call_result": "CONNECTED", "connected_id": 1},
        {"n_connected": 1, "n_with_durations": 1, "n_durations_off": 1},
    ),
    "durations of an abandoned call": (
        {"queue_time": 5, "connected_duration": 10, "inbound_duration": 12}, {}
    ),
    "queue time a minute off": (
        {"queue_time": 60, "dequeue_time": at("2025-01-02 12:00")}, {"n_with_queue_times": 1}
    ),
    "queue time more than a minute off": (
        {"queue_time": 61, "dequeue_time": at("2025-01-02 12:00")},
        {"n_with_queue_times": 1, "n_queue_times_off": 1},
    ),
    "attempts undercounted": (
        {"dequeue_attempts": 1, "attempt_1_disp": "BUSY", "attempt_2_disp": "ANSWER(4)"},
        {"n_with_attempts": 1, "n_attempts_undercounted": 1, "n_dispositions": 2},
    ),
    "attempts the report does not show": (
        {"dequeue_attempts": 3}, {"n_with_attempts": 1, "n_attempts_truncated": 1}
    ),
    "clock to the second": (
        {"uii": CLOCK}, {"n_with_two_clocks": 1, "n_minute_clocks": 0}
    ),
    "clocks that disagree": (
        {"uii": "20240102070000" + "1" * 16},
        {"n_with_two_clocks": 1, "n_clocks_disagreeing": 1},
    ),
    "negative talk": ({"connected_duration": -1}, {"n_negative_durations": 1}),
    "gone before it came": (
        {"dequeue_time": at("2025-01-02 11:59")}, {"n_negative_durations": 1}
    ),
    "unknown result": ({"call_result": "glorp (3)"}, {"n_results_unknown": 1}),
    "no result": ({"call_result": None}, {"n_results": 0}),
    "unknown dispositions": (
        {"attempt_1_disp": "GLORP", "attempt_2_disp": "busy(3)"},
        {"n_dispositions": 2, "n_dispositions_unknown": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), FAULTS.values(), ids=FAULTS)
def test_each_fault_counts_once(
    tmp_path: Path, cells: dict[str, Any], expected: dict[str, int]
) -> None:
    """A fault is counted under its own name and under no other."""
    given(tmp_path, call(result="ABANDON") | cells)

    assert {name: n for name, n in (BARE | expected).items() if n} == counts(tmp_path)


def test_duplicates(tmp_path: Path) -> None:
    """Of calls with one key all but one are duplicates; NULL equals NULL, accounts differ."""
    same = [call(uii="a"), call("2025-01-02 12:00", "ABANDON", uii="a", attempt_1_disp="BUSY")]
    others = [call(uii="a", cloud_profile_id=2), call("2025-01-02 12:01", uii="a"), call(uii="b")]
    nulls = [call(uii=None)] * 3
    given(tmp_path, *same, *others, *nulls, account="1")
    given(tmp_path, call(uii="a"), account="2")

    assert {"1": 3, "2": 0} == {
        row["account_id"]: row["n_duplicates"] for row in ask(tmp_path, "data_quality")
    }


def test_days_of_quality_are_local(tmp_path: Path) -> None:
    """The two sides of local midnight are two days."""
    given(tmp_path, call("2025-01-03 04:59"), call("2025-01-03 05:00"))

    rows = ask(tmp_path, "data_quality", zone="America/New_York")
    assert [DAY, DAY + timedelta(days=1)] == sorted(row["day"] for row in rows)


def weeks(*counted: int, hour: str = "12:00") -> list[dict[str, Any]]:
    """So many calls on each Thursday from 2 January on, a bare one on the days before and after."""
    first = at(f"2025-01-02 {hour}")
    starts = [
        first + timedelta(weeks=week, seconds=n) for week, n_calls in enumerate(counted)
        for n in range(n_calls)
    ]  # fmt: skip
    edges = [first - timedelta(days=1), first + timedelta(weeks=len(counted) - 1, days=1)]
    return [call(f"{start}") for start in [*starts, *edges]]


def thursday(dataset: Path, week: int) -> dict[str, Any]:
    """The anomalies' row of a Thursday."""
    day = DAY + timedelta(weeks=week)
    (row,) = ask(dataset, f"from daily_anomalies where day = '{day}'")
    return row


def test_robust_z(tmp_path: Path) -> None:
    """A day is measured by the median of eight weeks and by the mean deviation from it."""
    given(tmp_path, *weeks(900, 100, 110, 90, 100, 130, 70, 100, 100, 200))
    row = thursday(tmp_path, 9)

    assert (100, 5, 8) == (row["median_offered"], row["mad_offered"], row["n_compared"])
    assert row["deviation"] == pytest.approx(10)
    assert row["robust_z"] == pytest.approx(10)
    assert row["is_anomaly"]


def test_deviation_of_the_weeks(tmp_path: Path) -> None:
    """Where weeks differ much, 1.4826 MAD is the deviation."""
    given(tmp_path, *weeks(60, 80, 100, 120, 140, 200))
    row = thursday(tmp_path, 5)

    assert row["robust_z"] == pytest.approx(100 / (1.4826 * 20))
    assert not row["is_anomaly"]


def test_three_weeks_do_not_judge(tmp_path: Path) -> None:
    """With three weeks before it a day is not judged, with four it is, and no day counts itself."""
    given(tmp_path, *weeks(20, 20, 20, 200, 0))

    assert (3, False, False) == tuple(
        thursday(tmp_path, 3)[name] for name in ("n_compared", "is_judged", "is_anomaly")
    )
    row = thursday(tmp_path, 4)
    assert (0, 4, True, True) == tuple(
        row[name] for name in ("n_offered", "n_compared", "is_judged", "is_anomaly")
    )


def test_weekday_without_calls(tmp_path: Path) -> None:
    """Against weeks without a call nothing is judged, as their deviation is 0."""
    given(tmp_path, *weeks(0, 0, 0, 0, 3))
    row = thursday(tmp_path, 4)

    assert (0, None, None, False) == (
        row["median_offered"], row["deviation"], row["robust_z"], row["is_judged"]
    )  # fmt: skip


def test_edge_days_do_not_count(tmp_path: Path) -> None:
    """An account's first and last day, which may be cut, neither judge nor are judged."""
    rows = [call(f"{at('2025-01-02') + timedelta(weeks=week)}") for week in range(6)]
    given(tmp_path, *rows)

    assert {0: True, 5: True} == {
        week: True for week in range(6) if thursday(tmp_path, week)["is_edge_day"]
    }
    assert 3 == thursday(tmp_path, 4)["n_compared"]
    assert not thursday(tmp_path, 5)["is_judged"]


def test_every_day_of_every_profile(tmp_path: Path) -> None:
    """Each profile has each day of its account, from the account's first to its last."""
    given(tmp_path, call("2025-01-02 12:00"), call("2025-01-05 12:00", cloud_profile_id=2))

    assert 8 == len(ask(tmp_path, "daily_anomalies"))


def test_gap(tmp_path: Path) -> None:
    """An empty hour is a gap where its weekday and hour have seven calls in the mean."""
    given(tmp_path, *weeks(14, 0, 14, 14))
    (row,) = ask(tmp_path, "coverage_gaps")

    assert at("2025-01-09 12:00") == row["hour_at"]
    assert (0, pytest.approx(10.5)) == (row["n_offered"], row["expected_offered"])
    assert row["p_empty"] == pytest.approx(exp(-10.5))


def test_no_gap_where_few_call(tmp_path: Path) -> None:
    """Six calls in the mean may be none by chance: exp(-6) is above 0.001."""
    given(tmp_path, *weeks(12, 0))

    assert [] == ask(tmp_path, "coverage_gaps")


def test_hours_of_a_zone_between_hours(tmp_path: Path) -> None:
    """In a zone of half hours the hours are those of its clocks."""
    given(tmp_path, *weeks(14, 0, 14, hour="12:10"))
    (row,) = ask(tmp_path, "coverage_gaps", zone="Asia/Kolkata")

    assert "2025-01-09T17:00:00" == row["hour_local"].isoformat()
    assert at("2025-01-09 11:30") == row["hour_at"]


def test_repeated_hour(tmp_path: Path) -> None:
    """The hour that autumn repeats is two rows, each with the calls of its own pass."""
    given(tmp_path, call("2025-11-02 05:10"), call("2025-11-02 06:10"), call("2025-11-02 06:20"))
    rows = query(
        connect(tmp_path, time_zone="America/New_York"), "from stg_hours order by hour_at"
    ).read_all().to_pylist()  # fmt: skip

    assert [1, 2] == [row["n_offered"] for row in rows]
    assert 1 == len({row["hour_local"] for row in rows})
