"""
What has to be true of a spoilt report, told by the standard library alone.

Whatever the engine did not set aside is read again here, by `csv` in its strict mode, and must be
the engine's rows cell by cell; whatever it did set aside must be where the fault is.
"""

from __future__ import annotations

import csv
import re
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from pollute import KINDS, NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pollute import Clean, Spoilt

__all__ = ["Outcome", "assert_accounted", "value_of"]

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
WHOLE = re.compile(r"-?[0-9]+")
RAW_LIMIT = 1 << 16
BITS = {"int32": 31, "int64": 63}
FLAGS = {
    **dict.fromkeys(["yes", "y", "1", "true"], True),
    **dict.fromkeys(["no", "n", "0", "false"], False),
}
MISFIT = object()
"""Stands for a cell that fits no value of its column."""

Row = dict[str, Any]


class Outcome(NamedTuple):
    """What the engine made of one body."""

    rows: list[Row]
    rejects: Sequence[Any]
    ledger: Any


class Record(NamedTuple):
    """One record as the csv module reads it."""

    offset: int
    cells: list[str]


@lru_cache(maxsize=1 << 20)
def value_of(kind: str, cell: str) -> object:
    """The value a person reads off a cell of the clean part, or `MISFIT`."""
    text = cell.strip(" ")
    if text == "":
        return None
    if kind == "text":
        return text
    if kind == "uii":
        return text.removeprefix("'") or None
    if kind in BITS:
        number = text.strip(" \t")
        is_whole = WHOLE.fullmatch(number) is not None
        fits = is_whole and -(2 ** BITS[kind]) <= int(number) < 2 ** BITS[kind]
        return int(number) if fits else MISFIT
    if kind == "flag":
        return FLAGS.get(text.lower(), MISFIT)
    text = text.replace("\u202fAM", " AM")
    if not text.isascii():  # strptime takes any white space for a space
        return MISFIT
    try:
        return datetime.strptime(text + "Z", "%m/%d/%y %I:%M %p%z")
    except ValueError:
        return MISFIT


def records_of(body: bytes, start: int, end: int) -> Iterator[Record]:
    """Records in a piece of the body, by the strict csv module, with their offsets."""
    at = start
    lines = [found[0].decode() for found in LINE.finditer(body, start, end)]
    offsets = list(accumulate((len(text.encode()) for text in lines), initial=at))
    reader = csv.reader(iter(lines), strict=True)
    before = 0
    for cells in reader:
        if cells:
            yield Record(offsets[before], cells)
        before = reader.line_num


def assert_accounted(report: Clean, spoilt: Spoilt, outcome: Outcome, *, collateral: int) -> None:
    """Every byte is accounted for; at most `collateral` clean rows were lost, none differs."""
    body = b"".join(spoilt.parts)
    offsets = list(accumulate(map(len, spoilt.parts), initial=0))
    whole = sorted(r for r in outcome.rejects if r.column is None)
    _assert_rejects_hold_the_bytes(body, whole)
    kept = _kept_records(body, offsets, spoilt, whole)
    _assert_rows(kept, outcome)
    _assert_record_numbers(kept, whole, outcome)
    _assert_ledger(body, outcome, whole)
    _assert_clean_rows(report, spoilt, outcome, collateral)
    touched = [(offsets[part], offsets[part + 1]) for part in sorted(spoilt.touched)]
    if not collateral:
        for reject in whole:
            end = reject.byte_offset + reject.length
            inside = sum(max(0, min(b, end) - max(a, reject.byte_offset)) for a, b in touched)
            assert reject.length == inside
    if spoilt.is_all_lost:
        starts = {record.offset for record in kept}
        assert not [a for a, b in touched if any(a <= start < b for start in starts)]


def _assert_rejects_hold_the_bytes(body: bytes, whole: list[Any]) -> None:
    end = 0
    for reject in whole:
        assert reject.byte_offset >= end
        end = reject.byte_offset + reject.length
        assert body[reject.byte_offset : end][:RAW_LIMIT] == reject.raw
        assert end <= len(body)


def _kept_records(
    body: bytes, offsets: list[int], spoilt: Spoilt, whole: list[Any]
) -> list[Record]:
    """Read again what was not set aside; headers and blank lines are no records."""
    header = (offsets[spoilt.header], offsets[spoilt.header + 1])
    taken = sorted([(r.byte_offset, r.byte_offset + r.length) for r in whole] + [header])
    found: list[Record] = []
    at = 0
    for start, end in [*taken, (len(body), len(body))]:
        found += records_of(body, at, start)
        at = end
    return [
        record
        for record in found
        if [record.cells[0].removeprefix("\ufeff").strip('"'), *record.cells[1:]] != NAMES
    ]


def _assert_rows(kept: list[Record], outcome: Outcome) -> None:
    cells = {(r.byte_offset, r.column): r for r in outcome.rejects if r.column is not None}
    assert len(kept) == len(outcome.rows)
    for record, row in zip(kept, outcome.rows, strict=True):
        assert len(NAMES) == len(record.cells)
        for name, cell in zip(NAMES, record.cells, strict=True):
            expected = value_of(KINDS[name], cell)
            if expected is MISFIT:
                assert cell.encode() == cells.pop((record.offset, name)).raw
                expected = None
            assert (name, expected) == (name, row[name])
    assert {} == cells


def _assert_record_numbers(kept: list[Record], whole: list[Any], outcome: Outcome) -> None:
    everywhere = sorted([record.offset for record in kept] + [r.byte_offset for r in whole])
    numbers = {offset: number for number, offset in enumerate(everywhere, start=1)}
    for reject in outcome.rejects:
        assert numbers[reject.byte_offset] == reject.record
    assert len(everywhere) == outcome.ledger.records


def _assert_ledger(body: bytes, outcome: Outcome, whole: list[Any]) -> None:
    ledger = outcome.ledger
    ledger.check()
    assert len(body) == ledger.bytes
    assert len(outcome.rows) == ledger.rows
    assert len(whole) == ledger.rejected_records
    assert len(outcome.rejects) - len(whole) == ledger.rejected_cells
    assert sum(r.length for r in whole) == ledger.rejected_bytes + ledger.tail_bytes


def _assert_clean_rows(report: Clean, spoilt: Spoilt, outcome: Outcome, collateral: int) -> None:
    untouched = [
        number
        for number, raw in enumerate(report.lines[1:])
        if any(
            spoilt.parts[part].rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf") == raw.rstrip(b"\r\n")
            for part in _candidates(spoilt, number + 1)
        )
    ]
    assert len(report.cells) - len(untouched) <= spoilt.removed
    expected = [
        {name: value_of(KINDS[name], cell) for name, cell in zip(NAMES, cells, strict=True)}
        for cells in (report.cells[number] for number in untouched)
    ]
    ours = {row["uii"] for row in expected}
    rows = [row for row in outcome.rows if row["uii"] in ours]
    if collateral:
        there = {row["uii"] for row in rows}
        lost = [row for row in expected if row["uii"] not in there]
        assert len(lost) <= collateral
        expected = [row for row in expected if row["uii"] in there]
    assert expected == rows


def _candidates(spoilt: Spoilt, line: int) -> list[int]:
    """Untouched parts that a clean line can have become: where it was, or moved by what is new."""
    near = range(max(1, line - 3), min(len(spoilt.parts), line + 9))
    return [part for part in near if part not in spoilt.touched]
