"""Views of operations: given calls, expected rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from calls_given import ask, at, call, given, one

VIEWS = (
    "abandon_recovery", "concurrency", "hour_of_week", "offered_load", "patience",
    "repeat_callers", "service_level", "short_calls", "staffing_erlang_c", "talk_time",
)  # fmt: skip
NOTHING = {"account_id", "cloud_profile_id", "profile_name"}


@pytest.mark.parametrize("view", VIEWS)
def test_a_call_of_which_nothing_is_known(tmp_path: Path, view: str) -> None:
    """A call without any value is counted or left out, and breaks nothing."""
    given(tmp_path, call(None, None, uii=None, cloud_profile_id=None, profile_name=None))

    (row, *more) = ask(tmp_path, view) or [{}]

    assert [] == more
    assert all(value in (None, 0, 1, False, True, 20) for name, value in row.items()
               if name not in NOTHING)  # fmt: skip


def test_service_level(tmp_path: Path) -> None:
    """Half hours are half-open, and each formula divides what its name says."""
    given(
        tmp_path,
        call("2025-01-02 12:00", queue_time=20),
        call("2025-01-02 12:29", queue_time=21),
        call("2025-01-02 12:29", "ABANDON", queue_time=3),
        call("2025-01-02 12:29", "ABANDON", queue_time=10),
        call("2025-01-02 12:29", "DEFLECTED"),
        call("2025-01-02 12:30", queue_time=1),
    )

    first, second = ask(tmp_path, "from service_level order by half_hour_at", zone="Asia/Kolkata")

    assert (at("2025-01-02 12:00"), "2025-01-02 17:30:00") == (
        first["half_hour_at"],
        str(first["half_hour_local"]),
    )
    assert (5, 2, 2, 1, 1) == tuple(
        first[f"n_{name}"]
        for name in ("offered", "connected", "abandoned", "short_abandons", "deflected")
    )
    assert (1 / 4, 1 / 2, 1 / 3, 3 / 4, 1 / 2) == tuple(
        first[f"{name}_rate"]
        for name in (
            "abandons_against", "abandons_in_time_left_out", "short_abandons_left_out",
            "abandons_in_time_for", "answered_only",
        )
    )  # fmt: skip
    assert 1 / 3 == first["service_level_rate"]
    assert (1, 1.0) == (second["n_offered"], second["service_level_rate"])


def test_talk_time(tmp_path: Path) -> None:
    """Talk is of connected calls, by the destination that took them."""
    given(
        tmp_path,
        *(
            call(connected_id=7, connected_name="Desk", connected_duration=talk,
                 inbound_duration=talk + 5)
            for talk in (10, 20, 60)
        ),
        call(connected_id=8, connected_duration=None),
        call(result="ABANDON", connected_id=7, connected_duration=999),
    )  # fmt: skip

    seven, eight = ask(tmp_path, "from talk_time order by destination_id")

    assert ("Desk", 3, 90, 30, 20, 52, 105) == tuple(
        seven[name]
        for name in ("destination_name", "n_connected", "total_talk_s", "mean_talk_s",
                     "p50_talk_s", "p90_talk_s", "billed_s")
    )  # fmt: skip
    assert (1, 0, None) == (eight["n_connected"], eight["total_talk_s"], eight["mean_talk_s"])


def test_hour_of_week_counts_empty_hours(tmp_path: Path) -> None:
    """An hour without a call in one of three weeks is a zero of its mean and median."""
    given(
        tmp_path,
        call("2025-01-06 09:05"),
        call("2025-01-06 09:55"),
        call("2025-01-20 09:10", "ABANDON"),
        call("2025-01-20 10:00"),
    )

    rows = {(row["iso_weekday"], row["hour_of_day"]): row for row in ask(tmp_path, "hour_of_week")}

    nine = rows[1, 9]
    assert (3, 3, 1.0, 1.0, 2 / 3) == tuple(
        nine[name]
        for name in ("n_hours", "n_offered", "mean_calls", "median_calls", "connect_rate")
    )
    assert (2, 0, None) == tuple(
        rows[3, 12][name] for name in ("n_hours", "n_offered", "connect_rate")
    )


def test_hour_that_autumn_repeats(tmp_path: Path) -> None:
    """The two hours that have one name in autumn are two hours."""
    given(tmp_path, *(call(f"2025-11-02 0{hour}:30") for hour in (4, 5, 5, 6, 7)))

    rows = {
        (row["iso_weekday"], row["hour_of_day"]): row
        for row in ask(tmp_path, "hour_of_week", zone="America/New_York")
    }

    assert (2, 3, 1.5) == tuple(rows[7, 1][name] for name in ("n_hours", "n_offered", "mean_calls"))


def lasting(start: str, seconds: int, **cells: Any) -> dict[str, Any]:
    """A call that starts at a second, by its uii's clock, and lasts so long."""
    local = at(start) - dt.timedelta(hours=5)
    minute = at(start).replace(second=0)
    return call(
        None,
        enqueue_time=minute,
        uii=f"{local:%Y%m%d%H%M%S}{seconds:016}",
        inbound_duration=seconds,
        **cells,
    )


def test_concurrency(tmp_path: Path) -> None:
    """A call that ends makes room before one that starts; calls that go on count in later slots."""
    given(
        tmp_path,
        lasting("2025-01-02 12:00:00", 60),
        lasting("2025-01-02 12:01:00", 1200),
        lasting("2025-01-02 12:01:30", 1200),
        lasting("2025-01-02 12:20:00", 30),
        lasting("2025-01-02 13:00:00", 0),
    )

    rows = ask(tmp_path, "from concurrency order by slot_at")

    assert [(at("2025-01-02 12:00"), 2), (at("2025-01-02 12:15"), 3)] == [
        (row["slot_at"], row["peak_concurrent"]) for row in rows
    ]


def test_concurrency_at_the_edge_of_a_slot(tmp_path: Path) -> None:
    """A call that ends where a slot begins is not in it; one that goes on is."""
    given(
        tmp_path,
        lasting("2025-01-02 12:00:00", 900),
        lasting("2025-01-02 12:10:00", 900),
        lasting("2025-01-02 12:10:00", 901),
    )

    rows = ask(tmp_path, "from concurrency order by slot_at")

    assert [3, 2] == [row["peak_concurrent"] for row in rows]


def test_offered_load(tmp_path: Path) -> None:
    """Talk is split over the half hours it lies in, to the second."""
    given(
        tmp_path,
        lasting("2025-01-02 12:29:00", 1, queue_time=30, connected_duration=60),
        lasting("2025-01-02 12:00:00", 1, queue_time=0, connected_duration=3600),
        lasting("2025-01-02 12:00:00", 2, result="ABANDON", queue_time=0, connected_duration=50),
    )

    rows = ask(tmp_path, "from offered_load order by half_hour_at")

    assert [(2, 1830, 1830 / 1800), (2, 1830, 1830 / 1800)] == [
        (row["n_talks"], row["carried_s"], row["carried_erlangs"]) for row in rows
    ]
    assert at("2025-01-02 12:30") == rows[1]["half_hour_at"]


def test_patience(tmp_path: Path) -> None:
    """The textbook's steps: answers are taken out, and who gives up makes the curve fall."""
    given(
        tmp_path,
        call(queue_time=1),
        call(result="ABANDON", queue_time=2),
        call(result="ABANDON", queue_time=3),
        call(queue_time=3),
        call(result="ABANDON", queue_time=9),
        call(result="ABANDON", queue_time=None),
    )

    rows = ask(tmp_path, "from patience order by queue_s")

    assert [(1, 5, 0), (2, 4, 1), (3, 3, 1), (9, 1, 1)] == [
        (row["queue_s"], row["n_at_risk"], row["n_abandoned"]) for row in rows
    ]
    assert [1, 0.75, pytest.approx(0.5), 0] == [row["survival_rate"] for row in rows]


def test_repeat_callers(tmp_path: Path) -> None:
    """Who calls again within the week is a repeat; the last week is not judged yet."""
    given(
        tmp_path,
        call("2025-01-01 12:00", ani="6025551111"),
        call("2025-01-08 11:59", ani="6025551111", result="ABANDON"),
        call("2025-01-01 12:00", ani="6025552222"),
        call("2025-01-08 12:00", ani="6025552222"),
        call("2025-01-01 12:00", ani="6025553333", cloud_profile_id=1),
        call("2025-01-02 12:00", ani="6025553333", cloud_profile_id=2),
        call("2025-01-01 13:00", ani="anonymous"),
        call("2025-01-01 14:00", ani=None),
        call("2025-01-09 12:00", ani="1"),
    )

    row, other = ask(tmp_path, "from repeat_callers order by day, cloud_profile_id")

    assert (dt.date(2025, 1, 1), 1, 3, 1, 2) == tuple(
        row[name] for name in ("day", "cloud_profile_id", "n_connected", "n_repeated", "n_blocked")
    )
    assert (1 / 3, pytest.approx(2 / 3)) == (row["repeat_rate"], row["first_contact_rate"])
    assert (2, 1, 0) == (other["cloud_profile_id"], other["n_connected"], other["n_repeated"])


def test_abandon_recovery(tmp_path: Path) -> None:
    """The next connected call of the caller counts, on whatever profile, within a day."""
    given(
        tmp_path,
        call("2025-01-01 12:00", "ABANDON", ani="6025551111"),
        call("2025-01-01 13:00", "ABANDON", ani="6025551111"),
        call("2025-01-01 14:00", ani="6025551111", cloud_profile_id=2),
        call("2025-01-01 12:00", "ABANDON", ani="6025552222"),
        call("2025-01-02 12:01", ani="6025552222"),
        call("2025-01-01 12:00", "ABANDON", ani="6025553333"),
        call("2025-01-01 12:00", ani="6025553333"),
        call("2025-01-01 12:00", "ABANDON", ani="anonymous"),
        call("2025-01-01 12:30", ani="anonymous"),
    )

    columns = ("n_abandoned", "n_recovered", "n_blocked", "p50_recovery_s", "recovery_rate")

    assert (4, 2, 1, 5400, 0.5) == one(tmp_path, "abandon_recovery", *columns)


def test_recovery_of_an_unknown_account(tmp_path: Path) -> None:
    """Calls of nobody's account are recovered by calls of nobody's account alone."""
    unknown = "__HIVE_DEFAULT_PARTITION__"
    given(tmp_path, call("2025-01-01 12:00", "ABANDON", ani="6025551111"), account=unknown)
    given(tmp_path, call("2025-01-01 12:10", ani="6025551111"), account="1")

    assert (None, 0) == one(tmp_path, "abandon_recovery", "account_id", "n_recovered")


def test_short_calls(tmp_path: Path) -> None:
    """Short is less than the threshold, of connected calls."""
    given(
        tmp_path,
        *(call(dnis="8005550001", connected_duration=talk) for talk in (29, 30, 31, None)),
        call(dnis="8005550001", result="ABANDON", connected_duration=1),
    )

    columns = ("dnis", "n_offered", "n_connected", "n_short", "short_share", "is_small_sample")

    assert ("8005550001", 5, 4, 1, 0.25, True) == one(tmp_path, "short_calls", *columns)
