"""The views of quality against plain Python, over a month of the simulator and random calls."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter, defaultdict
from math import exp
from pathlib import Path
from statistics import fmean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from calls_given import given
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from test_marts_against_sums import calls, started, word

from cdr_engine.views import connect, query

MONTH_ZONE = ZoneInfo("America/New_York")
KNOWN = {
    "CONNECTED", "ANSWER", "ANSWERED", "ABANDON", "ABANDONED", "DEFLECT", "DEFLECTED", "BUSY",
    "NOANSWER", "ANSWER-NOT-PERSON", "CANCEL", "CHANUNAVAIL", "CONGESTION", "INTERCEPT", "MACHINE",
}  # fmt: skip


def rows(con: Any, text: str) -> list[dict[str, Any]]:
    """All rows of a view or a query."""
    return query(con, text).read_all().to_pylist()


def quality(records: list[dict[str, Any]]) -> dict[str, int]:
    """The faults of some calls, counted one call at a time."""
    found: Counter[str] = Counter()
    keys = {(r["uii"], r["cloud_profile_id"], r["enqueue_time"]) for r in records}
    found["n_duplicates"] = len(records) - len(keys)
    for r in records:
        seconds = [r.get(name) for name in ("queue_time", "connected_duration", "inbound_duration")]
        shown = [word(r.get(f"attempt_{n}_disp")) for n in (1, 2)]
        tried = r.get("dequeue_attempts")
        is_connected = word(r["call_result"]) in {"CONNECTED", "ANSWER", "ANSWERED"}
        has_durations = is_connected and None not in seconds
        has_times = None not in (r["enqueue_time"], r.get("dequeue_time"), seconds[0])
        clock = (r["uii"] or "")[:14].isdigit() and r["enqueue_time"] is not None
        found.update(
            n_calls=1,
            n_without_time=r["started"] is None,
            n_without_ani=r.get("ani") is None,
            n_connected=is_connected,
            n_without_destination=is_connected
            and r.get("connected_id") is None
            and r.get("connected_name") is None,
            n_with_durations=has_durations,
            n_durations_off=has_durations and abs(seconds[2] - seconds[0] - seconds[1]) > 2,
            n_with_queue_times=has_times,
            n_queue_times_off=has_times
            and abs((r["dequeue_time"] - r["enqueue_time"]).total_seconds() - seconds[0]) > 60,
            n_negative_durations=any(s is not None and s < 0 for s in [*seconds, tried]),
            n_with_attempts=tried is not None,
            n_attempts_undercounted=tried is not None and tried < 2 - shown.count(None),
            n_attempts_truncated=(tried or 0) > 2,
            n_with_two_clocks=clock,
            n_results=r["call_result"] is not None,
            n_results_unknown=r["call_result"] is not None and word(r["call_result"]) not in KNOWN,
            n_dispositions=2 - shown.count(None),
            n_dispositions_unknown=sum(w is not None and w not in KNOWN for w in shown),
        )
    return dict(found)


def by_day(records: list[dict[str, Any]]) -> dict[tuple[Any, Any], list[dict[str, Any]]]:
    """Calls by account and local day."""
    groups = defaultdict(list)
    for record in records:
        groups[record["account_id"], record["day"]].append(record)
    return groups


def check_quality(con: Any, records: list[dict[str, Any]]) -> None:
    """Every count of every day is the plain one."""
    found = {(row["account_id"], row["day"]): row for row in rows(con, "data_quality")}
    groups = by_day(records)
    assert found.keys() == groups.keys()
    for at, group in groups.items():
        expected = quality(group)
        assert expected == {name: found[at][name] for name in expected}


def test_quality_of_the_month(month: Any, month_records: list[dict[str, Any]]) -> None:
    """Counts of a month are those of the simulator's records, whose clocks all agree."""
    records = [r | {"day": r["local"].date(), "started": r["start"]} for r in month_records]
    check_quality(month, records)
    sums = rows(month, "select sum(n_minute_clocks + n_clocks_disagreeing) as n from data_quality")
    assert [{"n": 0}] == sums


def test_anomalies_of_the_month(month: Any, month_records: list[dict[str, Any]]) -> None:
    """Medians and scores of each day and profile are those of plain lists, zeros included."""
    offered: Counter[Any] = Counter()
    for r in month_records:
        offered[r["account_id"], r["cloud_profile_id"], r["local"].date()] += 1
    found = {
        (row["account_id"], row["cloud_profile_id"], row["day"]): row
        for row in rows(month, "daily_anomalies")
    }
    days = {
        account: sorted({at[2] for at in offered if at[0] == account}) for account, *_ in offered
    }
    expected = {
        (account, profile, first + dt.timedelta(days=n))
        for account, profile in {at[:2] for at in offered}
        for first, last in [(days[account][0], days[account][-1])]
        for n in range((last - first).days + 1)
    }
    assert expected == found.keys()
    for at, row in found.items():
        edges = (days[at[0]][0], days[at[0]][-1])
        before = [at[2] - dt.timedelta(weeks=n) for n in range(1, 9)]
        kept = [offered[*at[:2], day] for day in before if edges[0] < day < edges[1]]
        assert offered[at] == row["n_offered"]
        assert len(kept) == row["n_compared"]
        if not kept:
            assert row["median_offered"] is None
            continue
        middle = median(kept)
        spread = 1.4826 * median(abs(n - middle) for n in kept)
        deviation = max(spread, middle / 10, middle**0.5)
        assert middle == row["median_offered"]
        if deviation:
            score = (offered[at] - middle) / deviation
            assert row["robust_z"] == pytest.approx(score)
            judged = len(kept) >= 4 and at[2] not in edges
            assert (judged, judged and abs(score) > 3.5) == (row["is_judged"], row["is_anomaly"])
        else:
            assert (None, False) == (row["robust_z"], row["is_anomaly"])


def test_hours_of_the_month(month: Any, month_records: list[dict[str, Any]]) -> None:
    """Expected calls of each hour are the mean of its weekday and hour; gaps follow from them."""
    offered: Counter[Any] = Counter()
    spans: dict[str, list[dt.datetime]] = defaultdict(list)
    for r in month_records:
        hour = r["start"].astimezone(dt.UTC).replace(minute=0, second=0)
        offered[r["account_id"], hour] += 1
        spans[r["account_id"]].append(r["start"])
    found = {
        (row["account_id"], row["hour_at"].astimezone(dt.UTC)): row
        for row in rows(month, "stg_hours")
    }
    quarters = {}
    for account, starts in spans.items():
        first, last = (int(start.timestamp()) // 900 for start in (min(starts), max(starts)))
        for quarter in range(first, last + 1):
            at = (account, dt.datetime.fromtimestamp(quarter // 4 * 3600, dt.UTC))
            quarters[at] = quarters.get(at, 0) + 1
    assert quarters.keys() == found.keys()
    same = defaultdict(list)
    for at in quarters:
        local = at[1].astimezone(MONTH_ZONE)
        same[at[0], local.weekday(), local.hour].append(at)
    for alike in same.values():
        mean = sum(offered[at] for at in alike) / sum(quarters[at] for at in alike)
        for at in alike:
            row = found[at]
            assert offered[at] == row["n_offered"]
            assert row["expected_offered"] == pytest.approx(mean * quarters[at])
            assert row["is_gap"] == (not offered[at] and exp(-mean * quarters[at]) < 0.001)
    assert fmean(row["n_offered"] for row in found.values()) > 1


@st.composite
def faulty(draw: st.DrawFn) -> dict[str, Any]:
    """A call that may be wrong in any way, and often the copy of another."""
    row = draw(calls())
    cells = {
        "ani": draw(st.sampled_from([None, "5551234567"])),
        "inbound_duration": draw(st.none() | st.integers(-1, 80)),
        "dequeue_attempts": draw(st.none() | st.integers(-1, 4)),
        "connected_id": draw(st.sampled_from([None, 7])),
    }
    if row["enqueue_time"] is not None and draw(st.booleans()):
        cells["dequeue_time"] = row["enqueue_time"] + dt.timedelta(minutes=draw(st.integers(0, 3)))
    return row | cells


@settings(max_examples=15, deadline=None)
@hypothesis_given(
    different=st.lists(faulty(), max_size=15),
    copies=st.lists(st.integers(0, 14), max_size=6),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
)
def test_random_calls(different: list[dict[str, Any]], copies: list[int], zone: str) -> None:
    """Whatever the calls: counts are the plain ones, no part is larger than its whole."""
    records = different + [
        different[n] | {"call_result": "BUSY"} for n in copies if n < len(different)
    ]
    with tempfile.TemporaryDirectory() as folder:
        con = connect(given(Path(folder), *records, account="1"), time_zone=zone)
        for r in records:
            r["started"] = started(r)
            r["day"] = r["started"] and r["started"].astimezone(ZoneInfo(zone)).date()
            r["account_id"] = "1"
        check_quality(con, records)
        for row in rows(con, "data_quality"):
            assert row["n_minute_clocks"] >= row["n_clocks_disagreeing"]
            assert row["n_without_time"] in (0, row["n_calls"])
            for part, whole in PARTS.items():
                assert 0 <= row[part] <= row[whole] <= 2 * row["n_calls"]
        timed = [r for r in records if r["started"]]
        for view in ("daily_anomalies", "stg_hours"):
            assert len(timed) == sum(row["n_offered"] for row in rows(con, view))
        for row in rows(con, "stg_hours"):
            assert 0 <= row["p_empty"] <= 1
        gaps = sum(row["is_gap"] for row in rows(con, "stg_hours"))
        assert gaps == len(rows(con, "coverage_gaps"))
        for row in rows(con, "daily_anomalies"):
            assert row["is_judged"] >= row["is_anomaly"]


PARTS = {
    "n_duplicates": "n_calls",
    "n_without_destination": "n_connected",
    "n_durations_off": "n_with_durations",
    "n_queue_times_off": "n_with_queue_times",
    "n_attempts_undercounted": "n_with_attempts",
    "n_clocks_disagreeing": "n_with_two_clocks",
    "n_results_unknown": "n_results",
    "n_dispositions_unknown": "n_dispositions",
}
"""Faults and the calls, or attempts, that can have them."""
