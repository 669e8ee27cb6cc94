from __future__ import annotations

import datetime as dt
from math import sqrt
from pathlib import Path

import pytest
from calls_given import ask, at, call, given, one

from cdr_engine.views import connect, query

NEW_YORK = "America/New_York"
DAILY = ("connect_rate_by_profile", "abandonment", "answer_speed")


def wilson(k: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval by the textbook's formula."""
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (3, 4), (0, 9), (50, 100), (999999, 10**6)])
def test_wilson(tmp_path: Path, k: int, n: int) -> None:
    """The interval agrees with the textbook's formula."""
    sql = f"select wilson_low({k}, {n}) as low, wilson_high({k}, {n}) as high"
    assert one(tmp_path, sql, "low", "high") == pytest.approx(wilson(k, n), abs=1e-12)


def test_wilson_of_nothing(tmp_path: Path) -> None:
    """No trials, or an unknown number of them, have no interval."""
    sql = "select wilson_low(0, 0) as a, wilson_high(0, 0) as b, wilson_low(null, null) as c"
    assert one(tmp_path, sql, "a", "b", "c") == (None, None, None)


def test_connect_rate(tmp_path: Path) -> None:
    """Connected over offered, by day and profile, with its interval."""
    given(tmp_path, call(), call(), call(result="ABANDON"), call(result="DEFLECTED"))
    (row,) = ask(tmp_path, "connect_rate_by_profile")
    low, high = wilson(2, 4)
    assert row == {
        "account_id": "13670001",
        "day": dt.date(2025, 1, 2),
        "cloud_profile_id": 1,
        "profile_name": "Sales",
        "n_offered": 4,
        "n_connected": 2,
        "connect_rate": 0.5,
        "rate_low": pytest.approx(low),
        "rate_high": pytest.approx(high),
    }


def test_profile_name_is_the_latest(tmp_path: Path) -> None:
    """A renamed profile shows its latest name; of two at the same minute the last in order."""
    given(
        tmp_path,
        call("2025-01-02 09:00", profile_name="Zeta"),
        call("2025-01-02 10:00", profile_name="Beta"),
        call("2025-01-02 10:00", profile_name="Alpha"),
        call("2025-01-02 11:00", profile_name=None),
        call(None, profile_name="Zulu"),
    )
    rows = ask(tmp_path, "from connect_rate_by_profile order by day nulls last")
    assert [row["profile_name"] for row in rows] == ["Beta", "Zulu"]
    names = {row["profile_name"] for row in ask(tmp_path, "interval_volume")}
    assert names == {"Beta"}


def test_abandonment(tmp_path: Path) -> None:
    """Short abandons count in the gross rate and are out of both sides of the net rate."""
    waits = [2, 10, 30]
    given(
        tmp_path, *(call(result="ABANDON", queue_time=wait) for wait in waits), call(queue_time=90)
    )
    (row,) = ask(tmp_path, "abandonment")
    assert (row["n_offered"], row["n_abandoned"], row["n_short_abandons"]) == (4, 3, 1)
    assert (row["abandon_rate"], row["net_abandon_rate"]) == (0.75, pytest.approx(2 / 3))
    assert (row["rate_low"], row["rate_high"]) == pytest.approx(wilson(3, 4))
    net = row["net_abandon_rate_low"], row["net_abandon_rate_high"]
    assert net == pytest.approx(wilson(2, 3))
    assert (row["mean_abandon_s"], row["median_abandon_s"], row["longest_abandon_s"]) == (
        14,
        10,
        30,
    )


def test_only_short_abandons(tmp_path: Path) -> None:
    """Where all calls are short abandons there is no net rate."""
    given(tmp_path, call(result="ABANDON", queue_time=4))
    columns = ("abandon_rate", "net_abandon_rate", "net_abandon_rate_low")
    assert one(tmp_path, "abandonment", *columns) == (1, None, None)


def test_answer_speed(tmp_path: Path) -> None:
    """Waits are those of connected calls; the service level leaves short abandons out."""
    given(
        tmp_path,
        *(call(queue_time=wait) for wait in (0, 20, 21, 100)),
        call(result="ABANDON", queue_time=4),
        call(result="ABANDON", queue_time=5),
        call(result="DEFLECTED", queue_time=1000),
    )
    (row,) = ask(tmp_path, "answer_speed")
    assert (row["mean_answer_s"], row["longest_answer_s"]) == (35.25, 100)
    assert (row["p50_answer_s"], row["p90_answer_s"]) == (20.5, pytest.approx(76.3))
    assert row["mean_wait_s"] == pytest.approx(1150 / 7)
    assert (row["n_service_level_met"], row["n_service_level"]) == (2, 5)
    assert row["service_level_rate"] == 0.4
    assert (row["rate_low"], row["rate_high"]) == pytest.approx(wilson(2, 5))


def test_attempt_dispositions(tmp_path: Path) -> None:
    """Shares are within profile, attempt and destination; unknown words stay as they are."""
    first = {"attempt_1_id": 7, "attempt_1_name": "Desk"}
    given(
        tmp_path,
        call(**first, attempt_1_disp="ANSWER(4)"),
        call(**first, attempt_1_disp="ANSWER(6)"),
        call(**first, attempt_1_disp="wombat"),
        call(**first, attempt_1_disp="BUSY", attempt_2_id=8, attempt_2_disp="NOANSWER(20)"),
    )
    rows = ask(tmp_path, "from attempt_dispositions order by attempt_number, disposition_word")
    shown = ("attempt_number", "destination_id", "disposition_word", "n_attempts")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        (1, 7, "ANSWER", 2),
        (1, 7, "BUSY", 1),
        (1, 7, "WOMBAT", 1),
        (2, 8, "NOANSWER", 1),
    ]
    assert [row["disposition_rate"] for row in rows] == [0.5, 0.25, 0.25, 1.0]
    assert [row["mean_ring_s"] for row in rows] == [5, None, None, 20]
    assert (rows[0]["rate_low"], rows[0]["rate_high"]) == pytest.approx(wilson(2, 4))


def test_destination_answer_rate(tmp_path: Path) -> None:
    """Answers over attempts, wherever in the order a destination was tried."""
    given(
        tmp_path,
        call(attempt_1_id=7, attempt_1_disp="ANSWER(4)"),
        call(attempt_1_id=7, attempt_1_disp="BUSY", attempt_2_id=8, attempt_2_disp="ANSWER(2)"),
        call(attempt_1_id=8, attempt_1_disp="CONGESTION", attempt_2_id=7, attempt_2_disp=None),
    )
    rows = ask(tmp_path, "from destination_answer_rate order by destination_id")
    shown = ("destination_id", "n_attempts", "n_answered", "n_line_reached", "mean_answered_ring_s")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        (7, 3, 1, 2, 4),
        (8, 2, 1, 1, 2),
    ]
    assert (rows[0]["rate_low"], rows[0]["rate_high"]) == pytest.approx(wilson(1, 3))
    assert rows[0]["line_reached_rate"] == pytest.approx(2 / 3)


def test_interval_volume_fills_gaps(tmp_path: Path) -> None:
    """Every quarter of an hour between first and last call has a row for every profile."""
    given(
        tmp_path,
        call("2025-01-02 10:14", connected_duration=40),
        call("2025-01-02 10:45", result="ABANDON", cloud_profile_id=2),
    )
    rows = ask(tmp_path, "from interval_volume order by cloud_profile_id, slot_at")
    starts = [at(f"2025-01-02 10:{minute:02}") for minute in (0, 15, 30, 45)]
    assert [row["slot_at"] for row in rows] == starts * 2
    assert [row["n_offered"] for row in rows] == [1, 0, 0, 0, 0, 0, 0, 1]
    assert [row["n_connected"] for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert [row["n_abandoned"] for row in rows] == [0, 0, 0, 0, 0, 0, 0, 1]
    assert [row["talk_s"] for row in rows] == [40, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("zone", "day", "before", "after", "slots"),
    [
        (NEW_YORK, "2025-03-09", "2025-03-08 12:00", "2025-03-10 20:00", 92),
        (NEW_YORK, "2025-11-02", "2025-11-01 12:00", "2025-11-03 20:00", 100),
        (NEW_YORK, "2025-06-15", "2025-06-14 12:00", "2025-06-16 20:00", 96),
        ("Australia/Lord_Howe", "2025-04-06", "2025-04-04 12:00", "2025-04-07 20:00", 98),
        ("Asia/Kolkata", "2025-03-09", "2025-03-08 12:00", "2025-03-10 20:00", 96),
    ],
)
def test_slots_of_a_dst_day(
    tmp_path: Path, zone: str, day: str, before: str, after: str, slots: int
) -> None:
    """A day that DST shortens or lengthens has as many slots as it has quarters of an hour."""
    given(tmp_path, call(before), call(after))
    sql = "select count(*) as n, count(distinct slot_at) as m from interval_volume"
    counts = one(tmp_path, f"{sql} where slot_local::date = '{day}'", "n", "m", zone=zone)
    assert counts == (slots, slots)


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        (NEW_YORK, "2025-03-09 04:59", "2025-03-09 05:00"),
        (NEW_YORK, "2025-03-10 03:59", "2025-03-10 04:00"),
        (NEW_YORK, "2025-11-02 03:59", "2025-11-02 04:00"),
        (NEW_YORK, "2025-11-03 04:59", "2025-11-03 05:00"),
        ("Asia/Kolkata", "2025-11-02 18:29", "2025-11-02 18:30"),
        ("UTC", "2025-12-31 23:59", "2026-01-01 00:00"),
    ],
)
def test_days_part_at_local_midnight(tmp_path: Path, zone: str, before: str, after: str) -> None:
    """Two calls a minute apart are of two days where local midnight lies between them."""
    con = connect(given(tmp_path, call(before), call(after)), time_zone=zone)
    for view in DAILY:
        rows = query(con, f"select day from {view} order by day").read_all().to_pylist()
        first, second = (row["day"] for row in rows)
        assert second - first == dt.timedelta(days=1)


def test_accounts_stay_apart(tmp_path: Path) -> None:
    """Equal profiles and destinations of two accounts, or of none, are never added up."""
    row = call(attempt_1_id=5, attempt_1_disp="ANSWER(1)")
    for account in ("1", "2", "__HIVE_DEFAULT_PARTITION__"):
        given(tmp_path, row, account=account)
    con = connect(tmp_path)
    for view in (*DAILY, "attempt_dispositions", "destination_answer_rate", "interval_volume"):
        rows = query(con, f"select account_id from {view} order by account_id").read_all()
        assert rows.to_pylist() == [{"account_id": name} for name in ("1", "2", None)]


def test_call_of_nothing_but_null(tmp_path: Path) -> None:
    """A call whose every cell is NULL is still offered, on a day and in a slot that are NULL."""
    given(tmp_path, dict.fromkeys(call()))
    for view in DAILY:
        assert one(tmp_path, view, "day", "cloud_profile_id", "n_offered") == (None, None, 1)
    columns = ("slot_at", "slot_local", "n_offered", "n_other")
    assert one(tmp_path, "interval_volume", *columns) == (None, None, 1, 1)
    assert ask(tmp_path, "attempt_dispositions") == ask(tmp_path, "destination_answer_rate") == []
