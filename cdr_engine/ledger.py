"""
What became of every byte and every record of one body: the ledger, and the rejects it counts.

Two sums hold for every input whatsoever; `Ledger.check` is called in every run:

    bytes   = header + rows + rejected + blank + tail
    records = rows + rejected records + duplicates
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RAW_LIMIT", "Ledger", "Reject"]

RAW_LIMIT = 1 << 16
"""Bytes of a rejected record that are kept: as many as a record may have."""


class Reject(NamedTuple):
    """A record or a cell set aside, with its place in the body and the reason."""

    byte_offset: int
    """Offset of the record in the (decoded) body, from 0."""
    length: int
    """Bytes of the record, its line end included; more than `raw` holds if that was capped."""
    reason: str
    raw: bytes
    """The record as it came, line end included, or the cell's text; at most `RAW_LIMIT` bytes."""
    column: str | None = None
    """The column of a cell reject; None where the whole record was set aside."""
    record: int = 0
    """Number of the record in the body, from 1; headers and blank lines do not count."""


@dataclass(slots=True)
class Ledger:
    """Bytes and records of one body, by what became of them."""

    bytes: int = 0
    header_bytes: int = 0
    row_bytes: int = 0
    rejected_bytes: int = 0
    blank_bytes: int = 0
    tail_bytes: int = 0
    """Bytes of a last record without line end that is no row; it is listed as a reject."""
    records: int = 0
    rows: int = 0
    rejected_records: int = 0
    duplicates: int = 0
    """Rows left out because the dataset already holds the same call."""
    rejected_cells: int = 0
    outside_window: int = 0
    """Rows kept although their enqueue_time lies outside the window that was asked for."""
    ambiguous_times: int = 0
    """Local times that DST makes occur twice: the earlier was taken."""
    missing_times: int = 0
    """Local times that DST skips: moved forward by the gap."""

    def add(self, other: Ledger) -> None:
        """Add the counts of a part of the body."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @classmethod
    def total(cls, ledgers: Iterable[Ledger]) -> Ledger:
        """Sum of the ledgers of several bodies, or of the parts of one."""
        counts = map(attrgetter(*(field.name for field in fields(cls))), ledgers)
        return cls(*map(sum, zip(*counts, strict=True)))

    def check(self) -> None:
        """
        Prove both sums.

        Raises
        ------
        AssertionError
            If bytes or records are unaccounted for: a defect of the engine, never of the input.
        """
        accounted = (
            self.header_bytes
            + self.row_bytes
            + self.rejected_bytes
            + self.blank_bytes
            + self.tail_bytes
        )
        if accounted != self.bytes:
            raise AssertionError(f"ledger: {self.bytes} bytes came, {accounted} are accounted for")
        counted = self.rows + self.rejected_records + self.duplicates
        if counted != self.records:
            raise AssertionError(f"ledger: {self.records} records came, {counted} are counted")
