"""The matrix of classes, places and columns, and how one of its cells is run."""

from __future__ import annotations

import random
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from accounting import Outcome, assert_accounted
from pollute import CLASSES, NAMES, QUOTE_CLASSES, clean, spoil

from cdr_engine.pipeline import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pollute import Clean, Spoilt

__all__ = ["PLACES", "Case", "assert_invariant", "full", "read", "run", "sample", "spoilt_of"]

PLACES = ("first", "middle", "last", "edge", "behind the edge")
BLOCK_BYTES = 1024
ROWS, QUOTE_ROWS = 14, 320
"""Rows of a report: some blocks' worth, and enough to say what 99 % of the others are."""


class Case(NamedTuple):
    """One cell of the matrix."""

    name: str
    place: str
    column: int
    seed: int

    @property
    def collateral(self) -> int:
        """Clean rows that may be lost: 1 % where a quote may meet another row's."""
        return QUOTE_ROWS // 100 if self.name in QUOTE_CLASSES and self.has_quotes else 0

    @property
    def has_quotes(self) -> bool:
        """Half of the reports have quoted fields in other rows."""
        return self.seed % 2 == 0

    @property
    def block_bytes(self) -> int:
        """Small, so that every report has several blocks."""
        return 16 * BLOCK_BYTES if self.name in QUOTE_CLASSES else BLOCK_BYTES


def full(seed: int) -> Iterator[Case]:
    """Every class at every place in every column."""
    for number, name in enumerate(CLASSES):
        for place in PLACES:
            for column in range(len(NAMES)):
                yield Case(name, place, column, seed * 1000 + number * 34 + column)


def sample(seed: int, size: int) -> list[Case]:
    """Some cells of the matrix, every class at every place among them."""
    rng = random.Random(seed)
    pairs = [(name, place) for name in CLASSES for place in PLACES]
    return [
        Case(*pairs[number % len(pairs)], rng.randrange(len(NAMES)), rng.randrange(1 << 32))
        for number in range(size)
    ]


@cache
def _clean(rows: int, seed: int) -> Clean:
    return clean(random.Random(seed), rows, is_quoted=seed % 2 == 0)


def spoilt_of(case: Case, rows: int) -> tuple[Clean, Spoilt]:
    """The clean report of a case, and the spoilt one."""
    report = _clean(rows, case.seed % 8)
    ends = list(accumulate(map(len, report.lines[1:])))
    edge = min(rows, bisect_right(ends, case.block_bytes) + 1)
    row = {
        "first": 1,
        "middle": rows // 2,
        "last": rows,
        "edge": max(1, edge - 1),
        "behind the edge": edge,
    }[case.place]
    return report, spoil(case.name, report, row, case.column, case.seed)


def read(chunks: Iterable[bytes], block_bytes: int) -> Outcome:
    """Read a body with the engine."""
    report = Report(chunks, time_zone="UTC", block_bytes=block_bytes)
    rows = [row for batch in report.to_batches() for row in batch.to_pylist()]
    return Outcome(rows, report.rejects, report.ledger)


def run(case: Case) -> None:
    """Read the spoilt report of one case and hold it against the standard library."""
    report, spoilt = spoilt_of(case, QUOTE_ROWS if case.name in QUOTE_CLASSES else ROWS)
    outcome = read([b"".join(spoilt.parts)], case.block_bytes)
    assert_accounted(report, spoilt, outcome, collateral=case.collateral)


def assert_invariant(case: Case) -> None:
    """The same comes out for every way of feeding the spoilt report."""
    body = b"".join(spoilt_of(case, ROWS)[1].parts)
    whole = read([body], 1 << 20)
    for chunk, block_bytes in ((1, 4096), (7, 1024), (65_536, 20_000), (len(body), 300)):
        chunks = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        assert whole == read(chunks, block_bytes)
