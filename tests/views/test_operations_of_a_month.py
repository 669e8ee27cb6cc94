"""Views of operations over a month of the simulator's calls, against plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import mean, median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from conftest import MONTH_ZONE

from cdr_engine.views import query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Record = dict[str, Any]
Groups = dict[tuple[Any, ...], list[Record]]
ANSWERED, GAVE_UP = "CONNECTED", "ABANDON"


def asked(con: Any, view: str, *key: str) -> dict[tuple[Any, ...], Record]:
    """The view's rows by its key, which must be one; instants in UTC."""
    rows = query(con, view).read_all().to_pylist()
    found = {
        tuple(
            row[name].astimezone(UTC) if getattr(row[name], "tzinfo", None) else row[name]
            for name in key
        ): row
        for row in rows
    }
    assert len(rows) == len(found)
    return found


def grouped(records: Iterable[Record], key: Callable[[Record], tuple[Any, ...]]) -> Groups:
    """Records by a key."""
    groups: Groups = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return dict(groups)


def profile_of(record: Record) -> tuple[str, int]:
    """Account and profile."""
    return record["account_id"], record["cloud_profile_id"]


def half_hour(record: Record) -> datetime:
    """The half hour of UTC that a call started in."""
    return datetime.fromtimestamp(record["start"].timestamp() // 1800 * 1800, UTC)


def gone(record: Record) -> bool:
    """Whether the caller gave up."""
    return bool(record["call_result"].startswith(GAVE_UP))


def up(record: Record) -> bool:
    """Whether the call was connected."""
    return bool(record["call_result"] == ANSWERED)


def test_service_level(month: Any, month_records: list[Record]) -> None:
    """Each half hour's service level is answered in 20 s over all but short abandons."""
    found = asked(month, "service_level", "account_id", "cloud_profile_id", "half_hour_at")
    groups = grouped(month_records, lambda call: (*profile_of(call), half_hour(call)))

    assert groups.keys() == found.keys()
    for at, calls in groups.items():
        answered = [call["queue_time"] for call in calls if up(call)]
        left = [call["queue_time"] for call in calls if gone(call)]
        in_time = sum(wait <= 20 for wait in answered)
        judged = len(answered) + sum(wait >= 5 for wait in left)
        row = found[at]
        assert (len(calls), len(answered), len(left)) == (
            row["n_offered"], row["n_connected"], row["n_abandoned"],
        )  # fmt: skip
        assert row["service_level_rate"] == (in_time / judged if judged else None)
        assert row["short_abandons_left_out_rate"] == row["service_level_rate"]
        both = len(answered) + len(left)
        met = in_time + sum(wait <= 20 for wait in left)
        assert row["abandons_in_time_for_rate"] == (met / both if both else None)


def test_talk_time(month: Any, month_records: list[Record]) -> None:
    """Talk by day, profile and destination is that of the connected calls."""
    found = asked(month, "talk_time", "account_id", "cloud_profile_id", "day", "destination_id")
    groups = grouped(
        filter(up, month_records),
        lambda call: (*profile_of(call), call["local"].date(), call["connected_id"]),
    )

    assert groups.keys() == found.keys()
    for at, calls in groups.items():
        talk = [call["connected_duration"] for call in calls]
        row = found[at]
        assert (len(calls), sum(talk), median(talk)) == (
            row["n_connected"], row["total_talk_s"], row["p50_talk_s"],
        )  # fmt: skip
        assert row["mean_talk_s"] == pytest.approx(mean(talk))
        assert row["billed_s"] == sum(call["inbound_duration"] for call in calls)


def test_hour_of_week(month: Any, month_records: list[Record]) -> None:
    """Means are over every hour between the account's first call and its last, hour by hour."""
    zone = ZoneInfo(MONTH_ZONE)
    found = asked(
        month, "hour_of_week", "account_id", "cloud_profile_id", "iso_weekday", "hour_of_day"
    )
    counts = Counter(
        (*profile_of(call), call["start"].replace(minute=0, second=0)) for call in month_records
    )
    expected: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for account, profile in {profile_of(call) for call in month_records}:
        starts = [call["start"] for call in month_records if call["account_id"] == account]
        at, last = min(starts).replace(minute=0, second=0), max(starts)
        while at <= last:
            local = at.astimezone(zone)
            expected[account, profile, local.isoweekday(), local.hour].append(
                counts[account, profile, at]
            )
            at += timedelta(hours=1)

    assert expected.keys() == found.keys()
    for key, hours in expected.items():
        row = found[key]
        assert (len(hours), sum(hours), median(hours)) == (
            row["n_hours"], row["n_offered"], row["median_calls"],
        )  # fmt: skip
        assert row["mean_calls"] == pytest.approx(mean(hours))


def test_concurrency(month: Any, month_records: list[Record]) -> None:
    """A slot's peak is what counting the calls under way second by second finds."""
    found = asked(month, "concurrency", "account_id", "cloud_profile_id", "slot_at")
    events, under_way = set(), Counter()
    for call in month_records:
        start = int(call["start"].timestamp())
        if call["inbound_duration"] > 0:
            events |= {
                (*profile_of(call), second // 900)
                for second in (start, start + call["inbound_duration"])
            }
        for second in range(start, start + call["inbound_duration"]):
            under_way[*profile_of(call), second] += 1
    peaks = Counter()
    for (account, profile, second), n in under_way.items():
        at = account, profile, second // 900
        peaks[at] = max(peaks[at], n)

    assert {at: peaks[at] for at in events} == {
        (account, profile, slot.timestamp() // 900): row["peak_concurrent"]
        for (account, profile, slot), row in found.items()
    }


def test_offered_load(month: Any, month_records: list[Record]) -> None:
    """Erlangs are the seconds in which somebody talks, counted one by one."""
    found = asked(month, "offered_load", "account_id", "cloud_profile_id", "half_hour_at")
    seconds = Counter(
        (*profile_of(call), second // 1800)
        for call in month_records
        if up(call)
        for second in range(
            int(call["start"].timestamp()) + call["queue_time"],
            int(call["start"].timestamp()) + call["queue_time"] + call["connected_duration"],
        )
    )

    assert seconds == {
        (account, profile, slot.timestamp() // 1800): row["carried_s"]
        for (account, profile, slot), row in found.items()
    }
    talk = sum(call["connected_duration"] for call in month_records if up(call))
    assert sum(row["carried_erlangs"] for row in found.values()) == pytest.approx(talk / 1800)


def test_patience(month: Any, month_records: list[Record]) -> None:
    """The curve is the product over all who still waited, second by second."""
    found = asked(month, "patience", "account_id", "cloud_profile_id", "queue_s")
    for at, calls in grouped(month_records, profile_of).items():
        alive = 1.0
        for wait in sorted({call["queue_time"] for call in calls}):
            waiting = [call for call in calls if call["queue_time"] >= wait]
            left = sum(gone(call) and call["queue_time"] == wait for call in waiting)
            alive *= 1 - left / len(waiting)
            row = found[*at, wait]
            assert (len(waiting), left) == (row["n_at_risk"], row["n_abandoned"])
            assert row["survival_rate"] == pytest.approx(alive)
            assert 0 <= row["rate_low"] <= row["survival_rate"] <= row["rate_high"] <= 1


def is_known(record: Record) -> bool:
    """Whether the caller shows a number."""
    return (record["ani"] or "x")[0].isdigit()


def test_repeat_callers(month: Any, month_records: list[Record]) -> None:
    """A repeat is a later call of the number to the profile, less than a week after."""
    found = asked(month, "repeat_callers", "account_id", "cloud_profile_id", "day")
    week = timedelta(days=7)
    starts = grouped(filter(is_known, month_records), lambda c: (*profile_of(c), c["ani"]))
    last = {
        account: max(c["start"] for c in calls)
        for (account,), calls in grouped(month_records, lambda c: (c["account_id"],)).items()
    }
    counts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for call in filter(up, month_records):
        if call["start"] > last[call["account_id"]] - week:
            continue
        row = counts[*profile_of(call), call["local"].date()]
        if not is_known(call):
            row[2] += 1
            continue
        others = starts[*profile_of(call), call["ani"]]
        row[0] += 1
        row[1] += any(call["start"] < c["start"] < call["start"] + week for c in others)

    assert counts == {
        at: [row["n_connected"], row["n_repeated"], row["n_blocked"]] for at, row in found.items()
    }


def test_abandon_recovery(month: Any, month_records: list[Record]) -> None:
    """The caller's next connected call in the account, a day after at most, recovers a call."""
    found = asked(month, "abandon_recovery", "account_id", "cloud_profile_id", "day")
    connected = grouped(
        (call for call in month_records if up(call) and is_known(call)),
        lambda call: (call["account_id"], call["ani"]),
    )
    waits: dict[tuple[Any, ...], list[float | None]] = defaultdict(list)
    for call in month_records:
        if gone(call) and is_known(call):
            later = [
                (c["start"] - call["start"]).total_seconds()
                for c in connected.get((call["account_id"], call["ani"]), [])
                if c["start"] > call["start"]
            ]
            wait = min(later, default=None)
            waits[*profile_of(call), call["local"].date()].append(
                wait if wait is not None and wait <= 86_400 else None
            )

    assert sum(len([w for w in found_ if w is not None]) for found_ in waits.values()) > 0
    for at, row in found.items():
        recovered = [wait for wait in waits.get(at, []) if wait is not None]
        assert (len(waits.get(at, [])), len(recovered)) == (row["n_abandoned"], row["n_recovered"])
        assert row["p50_recovery_s"] == (median(recovered) if recovered else None)
    assert waits.keys() <= found.keys()


def test_short_calls(month: Any, month_records: list[Record]) -> None:
    """Short calls by day and number are the connected ones under half a minute."""
    found = asked(month, "short_calls", "account_id", "day", "dnis")
    connected, short = Counter(), Counter()
    for call in filter(up, month_records):
        at: tuple[str, date, str] = call["account_id"], call["local"].date(), call["dnis"]
        connected[at] += 1
        short[at] += call["connected_duration"] < 30

    assert connected == {at: row["n_connected"] for at, row in found.items() if row["n_connected"]}
    assert {at: n for at, n in short.items() if n} == {
        at: row["n_short"] for at, row in found.items() if row["n_short"]
    }


def test_staffing_counts_every_call(month: Any, month_records: list[Record]) -> None:
    """Calls of all weekdays and half hours are all calls, and loads their talk."""
    rows = query(month, "staffing_erlang_c").read_all().to_pylist()

    assert len(month_records) == sum(row["n_offered"] for row in rows)
    for row in rows:
        if row["n_agents_80"] is not None:
            assert row["erlangs"] < row["n_agents_80"] <= row["n_agents_90"]
