"""What views are compared with: rates, quantiles and groups in plain Python, without any SQL."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from math import sqrt
from typing import TYPE_CHECKING, Any

import pytest

from cdr_engine.views import query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Record = dict[str, Any]
"""A call: the report's columns, `account_id`, `start` (instant or None), `local` (in the zone)."""

SMALL = 30
"""The documented default of small_sample."""


def rate(name: str, k: int, n: int, bounds: str = "rate") -> Record:
    """A rate and its 95 % Wilson interval, by the textbook's formula; None without trials."""
    if not n:
        return {name: None, f"{bounds}_low": None, f"{bounds}_high": None}
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return {name: p, f"{bounds}_low": low, f"{bounds}_high": high}


def quantile(values: list[int], q: float) -> float | None:
    """The quantile between the two nearest values; None of none."""
    if not values:
        return None
    ordered, place = sorted(values), q * (len(values) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(values) - 1)]
    return low + (high - low) * (place - int(place))


def latest(rows: Iterable[Record], name: str) -> str | None:
    """The name of the latest call that has one; of several then, the last in order."""
    named = [
        (row["start"].timestamp() if row["start"] else float("-inf"), row[name])
        for row in rows
        if row[name] is not None
    ]
    return max(named)[1] if named else None


def day(row: Record) -> Any:
    """The local day."""
    return row["local"].date() if row["local"] else None


def in_utc(value: Any) -> Any:
    """The value; an instant in UTC, where Python compares by instant and not by wall time."""
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value


def grouped(
    rows: Iterable[Record], key: Callable[[Record], tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[Record]]:
    """Rows by their key."""
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def same(con: Any, view: str, key: tuple[str, ...], expected: dict[tuple[Any, ...], Record]) -> int:
    """Assert that the view has the expected rows, each once, and no columns beside theirs."""
    rows = [
        {name: in_utc(value) for name, value in row.items()}
        for row in query(con, view).read_all().to_pylist()
    ]
    found = {tuple(row[name] for name in key): row for row in rows}
    assert len(rows) == len(found), view
    assert found.keys() == expected.keys(), view
    for at, row in found.items():
        assert row.keys() - {*key} == expected[at].keys(), view
        for name, value in expected[at].items():
            right = pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
            assert row[name] == right, (view, at, name)
    return len(rows)
