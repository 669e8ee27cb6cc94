"""Random calls through all six views, against plain Python that shares no code with them."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from calls_given import call, given
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from cdr_engine.views import connect, query

EASTERN = ZoneInfo("America/New_York")
EDGES = [
    dt.datetime(2025, 11, 2, 6, tzinfo=dt.UTC),
    dt.datetime(2025, 3, 9, 7, tzinfo=dt.UTC),
    dt.datetime(2025, 6, 30, 18, 30, tzinfo=dt.UTC),
]
ANSWERED = {"CONNECTED", "ANSWER", "ANSWERED"}
ABANDONED = {"ABANDON", "ABANDONED"}


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """A call around a change of DST or of day, its uii right, wrong or without a clock."""
    start = draw(st.sampled_from(EDGES)) + dt.timedelta(seconds=draw(st.integers(-9000, 9000)))
    minute = start.replace(second=0) + dt.timedelta(minutes=draw(st.integers(-3, 3)))
    clock = start.astimezone(EASTERN).strftime("%Y%m%d%H%M%S") + "0" * 16
    words = st.sampled_from(["ANSWER(3)", "BUSY", "noanswer(20)", "WOMBAT(1)", None])
    seconds = st.none() | st.integers(0, 40)
    return call(
        None,
        draw(st.sampled_from(["CONNECTED", "abandon ", "DEFLECTED", "HUH", None])),
        uii=draw(st.sampled_from([clock, clock, "none", None])),
        enqueue_time=draw(st.sampled_from([minute, minute, minute, None])),
        cloud_profile_id=draw(st.sampled_from([1, 2, None])),
        queue_time=draw(seconds),
        connected_duration=draw(seconds),
        attempt_1_id=draw(st.sampled_from([7, 8, None])),
        attempt_1_disp=draw(words),
        attempt_2_disp=draw(words),
    )


def started(row: dict[str, Any]) -> dt.datetime | None:
    """The instant at which New York's wall clock showed the uii, if enqueue_time agrees."""
    enqueue = row["enqueue_time"]
    if enqueue is None or not (row["uii"] or "none")[:14].isdigit():
        return enqueue
    wall = dt.datetime.strptime(row["uii"][:14], "%Y%m%d%H%M%S")  # noqa: DTZ007
    for fold in (0, 1):
        instant = wall.replace(tzinfo=EASTERN, fold=fold).astimezone(dt.UTC)
        if abs(instant.replace(second=0) - enqueue) <= dt.timedelta(minutes=2):
            return instant
    return enqueue


def word(text: str | None) -> str | None:
    """The word of a result or disposition."""
    return text.split("(")[0].strip().upper() if text else None


def attempts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Profile, day, number, destination, word and ring seconds of each attempt."""
    found = []
    for row in rows:
        for number in (1, 2):
            destination, text = row.get(f"attempt_{number}_id"), row[f"attempt_{number}_disp"]
            if destination is not None or text is not None:
                found.append((row["account"], row["cloud_profile_id"], row["day"], number,
                              destination, word(text)))  # fmt: skip
    return found


def in_utc(value: Any) -> Any:
    """The value; an instant in UTC, where Python compares by instant and not by wall time."""
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value


def keyed(con: Any, view: str, *columns: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The view's rows by its key, which must be one."""
    rows = query(con, view).read_all().to_pylist()
    found = {tuple(in_utc(row[name]) for name in columns): row for row in rows}
    assert len(found) == len(rows)
    return found


def check_days(con: Any, rows: list[dict[str, Any]]) -> None:
    """The three views by day and profile."""
    key = ("account_id", "cloud_profile_id", "day")
    rates, gone, speed = (
        keyed(con, view, *key)
        for view in ("connect_rate_by_profile", "abandonment", "answer_speed")
    )
    groups = defaultdict(list)
    for row in rows:
        groups[row["account"], row["cloud_profile_id"], row["day"]].append(row)
    assert rates.keys() == gone.keys() == speed.keys() == groups.keys()
    for at, group in groups.items():
        up = [row["queue_time"] for row in group if word(row["call_result"]) in ANSWERED]
        away = [row["queue_time"] for row in group if word(row["call_result"]) in ABANDONED]
        up_s, away_s = ([s for s in waits if s is not None] for waits in (up, away))
        short = sum(s < 5 for s in away_s)
        in_time = sum(s <= 20 for s in up_s)
        assert rates[at]["n_offered"] == gone[at]["n_offered"] == len(group)
        assert rates[at]["connect_rate"] == pytest.approx(len(up) / len(group))
        assert rates[at]["rate_low"] <= rates[at]["connect_rate"] <= rates[at]["rate_high"]
        assert gone[at]["abandon_rate"] == pytest.approx(len(away) / len(group))
        net = (len(away) - short) / (len(group) - short) if len(group) > short else None
        assert gone[at]["net_abandon_rate"] == (None if net is None else pytest.approx(net))
        assert gone[at]["median_abandon_s"] == (median(away_s) if away_s else None)
        assert speed[at]["mean_answer_s"] == (pytest.approx(mean(up_s)) if up_s else None)
        assert speed[at]["p50_answer_s"] == (median(up_s) if up_s else None)
        assert speed[at]["longest_answer_s"] == max(up_s, default=None)
        judged = len(up) + len(away) - short
        level = pytest.approx(in_time / judged) if judged else None
        assert speed[at]["service_level_rate"] == level


def check_attempts(con: Any, rows: list[dict[str, Any]]) -> None:
    """The two views of attempts."""
    found = attempts(rows)
    key = ("account_id", "cloud_profile_id", "day", "attempt_number", "destination_id",
           "disposition_word")  # fmt: skip
    words = keyed(con, "attempt_dispositions", *key)
    assert {at: row["n_attempts"] for at, row in words.items()} == Counter(found)
    totals = Counter(at[:-1] for at in found)
    for at, row in words.items():
        assert row["disposition_rate"] == pytest.approx(row["n_attempts"] / totals[at[:-1]])
    tried = Counter((at[0], at[4]) for at in found)
    taken = Counter((at[0], at[4]) for at in found if at[5] in ANSWERED)
    rates = keyed(con, "destination_answer_rate", "account_id", "destination_id")
    assert {at: row["n_attempts"] for at, row in rates.items()} == tried
    for at, row in rates.items():
        assert row["answer_rate"] == pytest.approx(taken[at] / tried[at])


def check_slots(con: Any, rows: list[dict[str, Any]]) -> None:
    """Volumes by quarter of an hour, and their zeros."""
    slots = keyed(con, "interval_volume", "account_id", "cloud_profile_id", "slot_at")
    offered, talked, seen = Counter(), Counter(), defaultdict(list)
    for row in rows:
        start = row["started"]
        slot = start and dt.datetime.fromtimestamp(start.timestamp() // 900 * 900, dt.UTC)
        seen[row["account"]] += [slot] if slot else []
        offered[row["account"], row["cloud_profile_id"], slot] += 1
        talked[row["account"], row["cloud_profile_id"], slot] += row["connected_duration"] or 0
    profiles = {at[:2] for at in offered}
    spans = {
        name: (max(s) - min(s)) // dt.timedelta(minutes=15) + 1 for name, s in seen.items() if s
    }
    zeros = sum(spans.get(account, 0) for account, _ in profiles)
    assert len(slots) == zeros + sum(at[2] is None for at in offered)
    assert {at: row["n_offered"] for at, row in slots.items() if row["n_offered"]} == offered
    assert sum(row["talk_s"] for row in slots.values()) == sum(talked.values())
    for row in slots.values():
        parts = row["n_connected"] + row["n_abandoned"] + row["n_other"]
        assert parts == row["n_offered"]


@settings(max_examples=8, deadline=None)
@hypothesis_given(
    first=st.lists(calls(), max_size=25),
    second=st.lists(calls(), max_size=8),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_views_are_the_plain_sums(
    first: list[dict[str, Any]], second: list[dict[str, Any]], zone: str
) -> None:
    """Whatever the calls, each view's counts and rates are those of plain sums."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = given(Path(folder), *first, account="1")
        given(dataset, *second, account="2")
        rows = [row | {"account": "1"} for row in first] + [
            row | {"account": "2"} for row in second
        ]
        for row in rows:
            row["started"] = started(row)
            row["day"] = row["started"] and row["started"].astimezone(ZoneInfo(zone)).date()
        con = connect(dataset, time_zone=zone)
        check_days(con, rows)
        check_attempts(con, rows)
        check_slots(con, rows)
