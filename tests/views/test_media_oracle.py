"""The views of media against plain Python: over a month of the simulator, and random calls."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter, defaultdict
from math import sqrt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from calls_given import call, given
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from plain_python import SMALL, Record, day, grouped, rate, same

from cdr_engine.views import connect, query

MONTH = dt.timedelta(days=30)
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"


def is_connected(row: Record) -> bool:
    """Tell whether a call was connected."""
    return row["call_result"] == "CONNECTED"


def is_qualified(row: Record) -> bool:
    """Tell whether a call was connected and talked two minutes."""
    return is_connected(row) and (row["connected_duration"] or 0) >= 120


def n_qualified(rows: list[Record]) -> int:
    """How many calls are qualified."""
    return sum(map(is_qualified, rows))


def caller(row: Record) -> str | None:
    """Who called: digits, without the North American 1; None where blocked."""
    text = "".join(char for char in row["ani"] or "" if char.isdigit())
    text = text[1:] if len(text) == 11 and text.startswith("1") and text[1] in "23456789" else text
    return text if text.strip("0") and text != "266696687" else None


def callers(rows: list[Record]) -> int:
    """How many different numbers called."""
    return len({caller(row) for row in rows} - {None})


def by(*names: str) -> Any:
    """A key of columns."""
    return lambda row: tuple(row[name] for name in names)


def qualified(rows: list[Record]) -> Record:
    """The columns of a rate of qualified calls."""
    return {
        "n_calls": len(rows),
        "n_connected": sum(map(is_connected, rows)),
        "n_qualified": n_qualified(rows),
        **rate("qualified_rate", n_qualified(rows), len(rows)),
        "is_small_sample": len(rows) < SMALL,
    }


def check_performance(con: Any, records: list[Record]) -> int:
    """media_performance is what the records say."""
    media = ("media_code", "dnis", "media_network", "media_market", "media_format")
    groups = grouped(records, lambda row: (row["account_id"], day(row), *by(*media)(row)))
    expected = {
        at: qualified(rows)
        | {
            "n_callers": callers(rows),
            "n_qualified_callers": callers([row for row in rows if is_qualified(row)]),
            "talk_minutes": sum(row["connected_duration"] or 0 for row in rows) / 60,
        }
        for at, rows in groups.items()
    }
    return same(con, "media_performance", ("account_id", "day", *media), expected)


def check_market(con: Any, records: list[Record]) -> int:
    """media_market is what the records say."""
    accounts = grouped(records, by("account_id"))
    expected = {}
    for at, rows in grouped(records, by("account_id", "media_market")).items():
        whole = accounts[at[:1]]
        overall = n_qualified(whole) / len(whole)
        expected[at] = qualified(rows) | {
            "n_callers": callers(rows),
            "n_account_calls": len(whole),
            **rate("call_share", len(rows), len(whole), "call_share"),
            "quality_index": 100 * n_qualified(rows) / len(rows) / overall if overall else None,
        }
    return same(con, "media_market", ("account_id", "media_market"), expected)


def is_isci_or_ad_id(code: str) -> bool:
    """Tell the two known forms of a creative's id."""
    for text in (code, code[:-1] if code[-1:] in ("H", "D") else ""):
        if len(text) == 8 and set(text[:4]) <= {*LETTERS} and set(text[4:]) <= {*DIGITS}:
            return True
        if len(text) == 11 and text[0] in LETTERS and set(text) <= {*LETTERS, *DIGITS}:
            return True
    return False


def z_of(rows: list[Record], rest: list[Record]) -> float | None:
    """The z of two proportions with their pooled variance."""
    if not rest:
        return None
    pooled = (n_qualified(rows) + n_qualified(rest)) / (len(rows) + len(rest))
    if pooled in (0, 1):
        return None
    spread = sqrt(pooled * (1 - pooled) * (1 / len(rows) + 1 / len(rest)))
    return (n_qualified(rows) / len(rows) - n_qualified(rest) / len(rest)) / spread


def check_creatives(con: Any, records: list[Record]) -> int:
    """creative_compare is what the records say."""
    aired = [row for row in records if row["media_isci"] is not None]
    accounts = grouped(aired, by("account_id"))
    key = ("account_id", "media_isci", "media_version", "media_length")
    expected = {}
    for at, rows in grouped(aired, by(*key)).items():
        rest = [row for row in accounts[at[:1]] if by(*key)(row) != at]
        length = at[3]
        expected[at] = qualified(rows) | {
            "media_length_s": int(length) if length and length.isdecimal() else None,
            "n_rest": len(rest),
            "rest_rate": n_qualified(rest) / len(rest) if rest else None,
            "z_against_rest": z_of(rows, rest),
            "is_isci_or_ad_id": is_isci_or_ad_id(at[1]),
        }
    return same(con, "creative_compare", key, expected)


def check_inventory(con: Any, records: list[Record]) -> int:
    """dnis_inventory is what the records say."""
    last: dict[str, dt.date] = {}
    for row in records:
        if row["local"]:
            last[row["account_id"]] = max(last.get(row["account_id"], dt.date.min), day(row))
    expected = {}
    for at, rows in grouped(records, by("account_id", "dnis")).items():
        starts = [row["start"] for row in rows if row["start"]]
        days = [day(row) for row in rows if row["start"]]
        codes = {row["media_code"] for row in rows} - {None}
        expected[at] = {
            "first_seen_at": min(starts, default=None),
            "last_seen_at": max(starts, default=None),
            "n_calls": len(rows),
            "n_without_code": sum(row["media_code"] is None for row in rows),
            "n_media_codes": len(codes),
            "n_profiles": len({row["cloud_profile_id"] for row in rows} - {None}),
            "is_ambiguous": len(codes) > 1,
            "days_silent": (last[at[0]] - max(days)).days if days else None,
        }
    return same(con, "dnis_inventory", ("account_id", "dnis"), expected)


def check_bursts(con: Any, records: list[Record]) -> int:
    """media_bursts is what a full grid of slots, counted one by one, says."""
    calls, first = Counter[tuple[Any, ...]](), {}
    for row in records:
        if row["start"]:
            slot = int(row["start"].timestamp()) // 300
            calls[row["account_id"], row["dnis"], slot] += 1
            first[row["account_id"]] = min(slot, first.get(row["account_id"], slot))
    expected = {}
    for (account, dnis, slot), n in calls.items():
        known = slot - 24 >= first[account]
        before = [calls.get((account, dnis, slot - back), 0) for back in range(3, 25)]
        base = sum(before) / len(before) if known else None
        z = None if base is None else (n - base) / sqrt(max(base, 0.25))
        expected[account, dnis, dt.datetime.fromtimestamp(slot * 300, dt.UTC)] = {
            "n_calls": n,
            "baseline_calls": base,
            "z": z,
            "is_burst": z is not None and n >= 4 and z >= 4,
        }
    return same(con, "media_bursts", ("account_id", "dnis", "slot_at"), expected)


def check_first_touch(con: Any, records: list[Record]) -> int:
    """first_touch is what following each caller call by call says."""
    timed = [row for row in records if row["start"]]
    ends = {
        at: max(r["start"] for r in rows) for at, rows in grouped(timed, by("account_id")).items()
    }
    totals: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (account, who), rows in grouped(timed, lambda r: (r["account_id"], caller(r))).items():
        coded = [(row["start"], row["media_code"]) for row in rows if row["media_code"]]
        if who is None or not coded:
            continue
        start, code = min(coded)
        path = [row for row in rows if start <= row["start"] <= start + MONTH]
        totals[account, code] += Counter(
            n_callers=1,
            n_callers_followed=int(start + MONTH <= ends[account,]),
            n_calls=len(path),
            n_cross_code_calls=sum(row["media_code"] not in (None, code) for row in path),
            n_qualified=n_qualified(path),
            n_qualified_callers=int(n_qualified(path) > 0),
        )
    names = ("n_callers", "n_callers_followed", "n_calls", "n_cross_code_calls", "n_qualified",
             "n_qualified_callers")  # fmt: skip
    expected = {
        at: {name: count[name] for name in names}
        | {
            "qualified_per_caller": count["n_qualified"] / count["n_callers"],
            **rate("qualified_caller_rate", count["n_qualified_callers"], count["n_callers"]),
            "is_small_sample": count["n_callers"] < SMALL,
        }
        for at, count in totals.items()
    }
    return same(con, "first_touch", ("account_id", "first_media_code"), expected)


def npa(row: Record) -> str | None:
    """The area code: of ten digits that begin with 2 to 9, the first three; not x11."""
    digits = caller(row) or ""
    is_plan = len(digits) == 10 and digits[0] in "23456789" and digits[1:3] != "11"
    return digits[:3] if is_plan else None


def check_areas(con: Any, records: list[Record]) -> int:
    """area_code is what the records say."""
    groups = grouped(records, lambda row: (row["account_id"], npa(row), row["media_market"]))
    expected = {at: qualified(rows) for at, rows in groups.items()}
    return same(con, "area_code", ("account_id", "npa", "media_market"), expected)


CHECKS = (check_performance, check_market, check_creatives, check_inventory, check_bursts,
          check_first_touch, check_areas)  # fmt: skip


def check_identities(con: Any) -> None:
    """Parts sum to their wholes, and rates lie in their intervals."""

    def ask(text: str) -> Record:
        (row,) = query(con, text).read_all().to_pylist()
        return row

    n = ask("select count(*) as n, count(started_at) as timed from stg_calls")
    for view in ("media_performance", "media_market", "dnis_inventory", "area_code"):
        text = f"select coalesce(sum(n_calls), 0) as n from {view}"
        assert ask(text)["n"] == n["n"]
    assert ask("select coalesce(sum(n_calls), 0) as n from media_bursts")["n"] == n["timed"]
    for row in (
        query(con, "select sum(call_share) as s from media_market group by account_id")
        .read_all()
        .to_pylist()
    ):
        assert row["s"] == pytest.approx(1)
    for view in ("media_performance", "media_market", "creative_compare", "area_code"):
        outside = f"select count(*) as n from {view} where not qualified_rate "
        assert ask(f"{outside} between rate_low - 1e-12 and rate_high + 1e-12")["n"] == 0


@pytest.mark.parametrize("check", CHECKS)
def test_media_of_the_month(check: Any, month: Any, month_records: list[Record]) -> None:
    """Over a month of two accounts each view of media is the plain sums, row by row."""
    assert check(month, month_records) > 10


def test_the_month_has_what_is_looked_for(month: Any, month_records: list[Record]) -> None:
    """In the month are bursts, blocked numbers and callers who can be followed for 30 days."""
    assert query(month, "from media_bursts where is_burst").read_all().num_rows > 0
    assert query(month, "from first_touch where n_callers_followed > 0").read_all().num_rows > 0
    assert any(row["ani"] == "anonymous" for row in month_records)
    check_identities(month)


EDGES = [
    dt.datetime(2025, 11, 2, 6, tzinfo=dt.UTC),
    dt.datetime(2025, 10, 3, 6, tzinfo=dt.UTC),
    dt.datetime(2025, 11, 2, 10, tzinfo=dt.UTC),
]


@st.composite
def called(draw: st.DrawFn) -> Record:
    """A call of few callers and media around a change of DST and 30 days before."""
    minute = draw(st.sampled_from(EDGES)) + dt.timedelta(minutes=draw(st.integers(0, 12)))
    return call(
        None,
        draw(st.sampled_from(["CONNECTED", "CONNECTED", "ABANDON", None])),
        enqueue_time=draw(st.sampled_from([minute, minute, minute, None])),
        cloud_profile_id=draw(st.sampled_from([1, 2, None])),
        connected_duration=draw(st.sampled_from([None, 0, 119, 120, 500])),
        ani=draw(
            st.sampled_from(
                ["5557654321", "+15557654321", "3115550000", "442071838750", "anonymous",
                 "Restricted", "266696687", "0000000000", None]
            )
        ),
        dnis=draw(st.sampled_from(["8005550100", "8005550100", "8005550101", None])),
        media_code=draw(st.sampled_from(["A1", "B2", None])),
        media_market=draw(st.sampled_from(["Boise", None])),
        media_network=draw(st.sampled_from(["KBLU", None])),
        media_format=None,
        media_isci=draw(
            st.sampled_from(["ABCD1234", "ABCD1234H", "abcd1234", "XYZ12345678", None])
        ),
        media_version=draw(st.sampled_from(["A", None])),
        media_length=draw(st.sampled_from(["60", ":60", None])),
    )  # fmt: skip


@settings(max_examples=12, deadline=None)
@hypothesis_given(
    first=st.lists(called(), max_size=40),
    second=st.lists(called(), max_size=8),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_media_of_random_calls(first: list[Record], second: list[Record], zone: str) -> None:
    """Whatever the calls, NULL in any key, each view of media is the plain sums."""
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
