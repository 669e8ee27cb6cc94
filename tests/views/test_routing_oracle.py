"""The views of routing against plain Python: over a month of the simulator, and random calls."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

from calls_given import call, given
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from plain_python import SMALL, Record, day, grouped, latest, quantile, rate, same

from cdr_engine.views import connect, query

ANSWERS = {"CONNECTED", "ANSWER", "ANSWERED"}


def word(text: str | None) -> str | None:
    """The word of a result or disposition."""
    return (text or "").split("(")[0].strip().upper() or None


def is_shown(row: Record, number: int) -> bool:
    """Tell whether the report shows anything of an attempt."""
    columns = ("id", "name", "route", "disp")
    return any(row[f"attempt_{number}_{column}"] is not None for column in columns)


def is_answered(row: Record, number: int) -> bool:
    """Tell whether an attempt was answered."""
    return word(row[f"attempt_{number}_disp"]) in ANSWERS


def is_connected(row: Record) -> bool:
    """Tell whether a call was connected."""
    return word(row["call_result"]) in ANSWERS


def profile_day(row: Record) -> tuple[Any, ...]:
    """The grain of a day's views."""
    return row["account_id"], day(row), row["cloud_profile_id"]


def funnel(rows: list[Record]) -> Record:
    """One row of attempt_funnel."""
    first, second = ([row for row in rows if is_shown(row, n)] for n in (1, 2))
    shown = [is_shown(row, 1) + is_shown(row, 2) for row in rows]
    counts = [row["dequeue_attempts"] or 0 for row in rows]
    lost = [not is_connected(row) and word(row["call_result"]) != "ABANDON" for row in rows]
    tried = [bool(s or n > 0) for s, n in zip(shown, counts, strict=True)]
    answered = [is_answered(row, 1) or is_answered(row, 2) for row in rows]
    n_1, n_2 = sum(is_answered(row, 1) for row in rows), sum(is_answered(row, 2) for row in rows)
    exhausted = sum(a and b for a, b in zip(tried, lost, strict=True))
    return {
        "profile_name": latest(rows, "profile_name"),
        "n_offered": len(rows),
        "n_tried": sum(tried),
        "n_tried_first": len(first),
        "n_answered_first": n_1,
        "n_tried_second": len(second),
        "n_answered_second": n_2,
        "n_tried_unshown": sum(n > s for s, n in zip(shown, counts, strict=True)),
        "n_connected": sum(map(is_connected, rows)),
        "n_connected_unshown": sum(
            is_connected(row) and not a for row, a in zip(rows, answered, strict=True)
        ),
        "n_exhausted": exhausted,
        **rate("first_answer_rate", n_1, len(first), "first_answer_rate"),
        **rate("second_answer_rate", n_2, len(second), "second_answer_rate"),
        **rate("exhausted_rate", exhausted, sum(tried), "exhausted_rate"),
    }


def check_funnel(con: Any, records: list[Record]) -> int:
    """attempt_funnel is what the records say."""
    groups = grouped(records, profile_day)
    expected = {at: funnel(rows) for at, rows in groups.items()}
    return same(con, "attempt_funnel", ("account_id", "day", "cloud_profile_id"), expected)


def check_failover(con: Any, records: list[Record]) -> int:
    """failover_matrix is what the records say."""
    overflowed = [
        row for row in records if is_shown(row, 1) and is_shown(row, 2) and not is_answered(row, 1)
    ]
    key = ("account_id", "cloud_profile_id", "attempt_1_id", "attempt_2_id")
    expected = {}
    for at, rows in grouped(overflowed, lambda row: tuple(row[name] for name in key)).items():
        rescued = sum(is_answered(row, 2) for row in rows)
        expected[at] = {
            "profile_name": latest(rows, "profile_name"),
            "first_destination_name": latest(rows, "attempt_1_name"),
            "second_destination_name": latest(rows, "attempt_2_name"),
            "n_overflowed": len(rows),
            "n_rescued": rescued,
            "is_small_sample": len(rows) < SMALL,
            **rate("rescue_rate", rescued, len(rows)),
        }
    columns = (*key[:2], "first_destination_id", "second_destination_id")
    return same(con, "failover_matrix", columns, expected)


def check_rings(con: Any, records: list[Record]) -> int:
    """ring_time is what the records say."""
    attempts = [
        {
            "key": (row["account_id"], row[f"attempt_{n}_id"], n, word(row[f"attempt_{n}_disp"])),
            "name": row[f"attempt_{n}_name"],
            "start": row["start"],
            "disp": row[f"attempt_{n}_disp"] or "",
        }
        for row in records
        for n in (1, 2)
        if is_shown(row, n)
    ]
    expected = {}
    for at, rows in grouped(attempts, lambda row: row["key"]).items():
        parts = [row["disp"].partition("(")[2].partition(")")[0] for row in rows]
        rings = [int(part) for part in parts if part]
        expected[at] = {
            "destination_name": latest(rows, "name"),
            "n_attempts": len(rows),
            "n_rings": len(rings),
            "mean_ring_s": float(mean(rings)) if rings else None,
            "p50_ring_s": quantile(rings, 0.5),
            "p90_ring_s": quantile(rings, 0.9),
            "is_small_sample": len(rings) < SMALL,
        }
    columns = ("account_id", "destination_id", "attempt_number", "disposition_word")
    return same(con, "ring_time", columns, expected)


def check_shares(con: Any, records: list[Record]) -> int:
    """destination_share is what the records say."""
    up = [row for row in records if is_connected(row)]
    calls = Counter(map(profile_day, up))
    talk = Counter[tuple[Any, ...]]()
    for row in up:
        talk[profile_day(row)] += row["connected_duration"] or 0
    expected = {}
    for at, rows in grouped(up, lambda row: (*profile_day(row), row["connected_id"])).items():
        talk_s, total_s = sum(row["connected_duration"] or 0 for row in rows), talk[at[:3]]
        expected[at] = {
            "profile_name": latest(rows, "profile_name"),
            "destination_name": latest(rows, "connected_name"),
            "n_calls": len(rows),
            "n_profile_calls": calls[at[:3]],
            **rate("call_share", len(rows), calls[at[:3]], "call_share"),
            "talk_minutes": talk_s / 60,
            "talk_share": talk_s / total_s if total_s else None,
        }
    key = ("account_id", "day", "cloud_profile_id", "destination_id")
    return same(con, "destination_share", key, expected)


def check_cellular(con: Any, records: list[Record]) -> int:
    """cellular_split is what the records say."""
    key = ("account_id", "cloud_profile_id", "is_cellular")
    expected = {}
    for at, rows in grouped(records, lambda row: tuple(row[name] for name in key)).items():
        up = [row for row in rows if is_connected(row)]
        talk = [row["connected_duration"] for row in up if row["connected_duration"] is not None]
        expected[at] = {
            "profile_name": latest(rows, "profile_name"),
            "n_offered": len(rows),
            "n_connected": len(up),
            "mean_talk_s": float(mean(talk)) if talk else None,
            "is_small_sample": len(rows) < SMALL,
            **rate("connect_rate", len(up), len(rows)),
        }
    return same(con, "cellular_split", key, expected)


def check_identities(con: Any) -> None:
    """Parts sum to their wholes, whoever is right about the parts."""

    def ask(text: str) -> list[Record]:
        return query(con, text).read_all().to_pylist()

    for row in ask("attempt_funnel"):
        assert row["n_answered_first"] <= row["n_tried_first"] <= row["n_tried"]
        assert row["n_answered_second"] <= row["n_tried_second"] <= row["n_tried"]
        assert row["n_tried"] <= row["n_offered"]
    for share in ("call_share", "talk_share"):
        text = f"select sum({share}) as total from destination_share group by all"
        grain = text.replace("select", "select account_id, day, cloud_profile_id,")
        for row in ask(grain):
            assert row["total"] is None or abs(row["total"] - 1) < 1e-9
    (row,) = ask(
        "select (select count(*) from stg_attempts) as n_attempts, "
        "(select sum(n_tried_first + n_tried_second) from attempt_funnel) as n_tried, "
        "(select sum(n_attempts) from ring_time) as n_rung"
    )
    assert row["n_attempts"] == (row["n_tried"] or 0) == (row["n_rung"] or 0)


CHECKS = (check_funnel, check_failover, check_rings, check_shares, check_cellular)


def test_routing_of_the_month(month: Any, month_records: list[Record]) -> None:
    """Over a month of two accounts each view of routing is the plain sums, row by row."""
    for check in CHECKS:
        assert check(month, month_records) > 20
    check_identities(month)


def test_attempts_side_by_side_are_the_attempts(month: Any) -> None:
    """Both staging views of attempts read the same attempts, answers and rings."""
    columns = "destination_id, disposition_word, ring_s, is_answered, is_line_reached"
    sides = [
        f"select uii, {n} as attempt_number, attempt_{n}_id as destination_id, "
        f"attempt_{n}_word as disposition_word, attempt_{n}_ring_s as ring_s, "
        f"is_attempt_{n}_answered as is_answered, is_attempt_{n}_line_reached as is_line_reached "
        f"from stg_call_attempts where is_attempt_{n}_shown"
        for n in (1, 2)
    ]
    stacked = f"select uii, attempt_number, {columns} from stg_attempts order by all"
    found = query(month, f"{' union all '.join(sides)} order by all").read_all()

    assert found.num_rows > 1000
    assert query(month, stacked).read_all().to_pylist() == found.to_pylist()


EDGES = [
    dt.datetime(2025, 11, 2, 6, tzinfo=dt.UTC),
    dt.datetime(2025, 3, 9, 7, tzinfo=dt.UTC),
    dt.datetime(2025, 6, 30, 18, 30, tzinfo=dt.UTC),
]


@st.composite
def routed(draw: st.DrawFn) -> Record:
    """A call that few or many cells are filled of, around a change of DST or of day."""
    minute = draw(st.sampled_from(EDGES)) + dt.timedelta(minutes=draw(st.integers(-150, 150)))
    words = st.sampled_from(["ANSWER(3)", "answer", "BUSY", "NOANSWER (20)", "WOMBAT(1)", None])
    ids, seconds = st.sampled_from([7, 8, None]), st.none() | st.integers(0, 400)
    names = st.sampled_from([None, None, "Desk", "Shop"])
    return call(
        None,
        draw(st.sampled_from(["CONNECTED", "ABANDON ", "DEFLECTED", "HUH", None])),
        enqueue_time=draw(st.sampled_from([minute, minute, None])),
        cloud_profile_id=draw(st.sampled_from([1, 2, None])),
        profile_name=draw(names),
        is_cellular=draw(st.sampled_from([True, False, None])),
        dequeue_attempts=draw(st.none() | st.integers(0, 4)),
        connected_duration=draw(seconds),
        connected_id=draw(ids),
        connected_name=draw(names),
        attempt_1_id=draw(ids),
        attempt_1_name=draw(names),
        attempt_1_disp=draw(words),
        attempt_1_route=None,
        attempt_2_id=draw(ids),
        attempt_2_name=draw(names),
        attempt_2_disp=draw(words),
        attempt_2_route=draw(st.sampled_from([None, None, "sip:x"])),
    )


@settings(max_examples=10, deadline=None)
@hypothesis_given(
    first=st.lists(routed(), max_size=25),
    second=st.lists(routed(), max_size=8),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_routing_of_random_calls(first: list[Record], second: list[Record], zone: str) -> None:
    """Whatever the calls, NULL in any key, each view of routing is the plain sums."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = given(Path(folder), *first, account="1")
        given(dataset, *second, account="2")
        records = []
        for account, rows in (("1", first), ("2", second)):
            for row in rows:
                start = row["enqueue_time"]
                local = start and start.astimezone(ZoneInfo(zone))
                records.append(row | {"account_id": account, "start": start, "local": local})
        con = connect(dataset, time_zone=zone)
        for check in CHECKS:
            check(con, records)
        check_identities(con)
