"""
Blocks in, one RecordBatch each out, and the rejects.

Strategy. A block is first read in one go, Arrow converting integers as it parses and building
dictionaries of the text that repeats; what is left to do, is done on the distinct values. That is
the whole story of a clean block. If Arrow balks, or gives another number of rows than the block has
lines, the block is *mended*: its records are laid out by position, blank lines and the records that
cannot be read are taken out, integers are read as text, and the cells that do not fit are found.
After a block that needed it the next one is mended at once, until one is clean again, so that a bad
row in every block costs little more than a bad row in one.

A block goes to `pyarrow.csv.read_csv` as a whole, without threads and with every type given: its
incremental reader loses rows, and line feeds inside quotes, at the edges of what it is fed
(apache/arrow 51368).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdr_engine.columns import frame as framing
from cdr_engine.columns import values
from cdr_engine.columns.arrow import field_type, working_schema
from cdr_engine.columns.clock import Clock
from cdr_engine.columns.reading import BOM, CellReader, Cells
from cdr_engine.errors import SchemaError
from cdr_engine.ledger import Ledger, Reject
from cdr_engine.schema import COLUMN_BY_NAME, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Contract", "Decoded", "Decoder"]

Contract = Literal["evolve", "freeze", "discard"]
"""Unknown columns: kept as text, an error, left out."""

REASONS = {
    "int32": "not a whole number of 32 bits",
    "int64": "not a whole number of 64 bits",
    "instant": "not a time",
    "flag": "neither yes nor no",
}


class RecordBlock(Protocol):
    """What the decoder needs to know of a block of whole records."""

    @property
    def payload(self) -> bytes: ...
    @property
    def segments(self) -> Sequence[tuple[int, int]]: ...
    @property
    def wrapped(self) -> Sequence[tuple[int, int]]: ...
    @property
    def rejects(self) -> Sequence[Reject]: ...
    @property
    def header_bytes(self) -> int: ...
    @property
    def blank_bytes(self) -> int: ...


class Decoded(NamedTuple):
    """What became of one block."""

    batch: Any
    """RecordBatch in the decoder's schema."""
    rejects: tuple[Reject, ...]
    """By position; `record` counts from 1 within this block."""
    ledger: Ledger


class _Read(NamedTuple):
    """One block as Arrow read it, with what had to be taken out first."""

    cells: Cells
    records: framing.Frame | None
    """Every record of the payload; None for a clean block, where they are its lines."""
    bad: dict[int, str]
    """Number of a record that was taken out, and why."""


class Decoder:
    """
    Decode blocks of one body; calls from several threads at once are fine.

    Parameters
    ----------
    names
        The header's columns in its order.
    delimiter
        One byte.
    time_zone
        TZ database name of the zone in which the report prints its times.
    contract
        What becomes of columns the report does not know.

    Raises
    ------
    SchemaError
        If the contract is `freeze` and there are such columns.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        delimiter: bytes,
        time_zone: str,
        contract: Contract = "evolve",
    ) -> None:
        self._delimiter = delimiter
        self._clock = Clock(time_zone)
        self._names = _unique(names)
        unknown = tuple(name for name in self._names if name not in COLUMN_BY_NAME)
        if unknown and contract == "freeze":
            raise SchemaError(
                f"the header names columns the report does not know: {', '.join(unknown)}; "
                "--schema evolve keeps them, --schema discard leaves them out"
            )
        self.unknown = () if contract == "discard" else unknown
        self.missing = tuple(name for name in NAMES if name not in self._names)
        self.schema = working_schema(self.unknown)
        self._is_troubled = False
        self._reader = CellReader(self._names, {*NAMES, *self.unknown}, delimiter)

    def decode(self, block: RecordBlock) -> Decoded:
        """Decode one block of whole records."""
        payload = block.payload
        read = None
        if not self._is_troubled and not block.wrapped:
            cells = self._reader.clean(payload)
            read = None if cells is None else _Read(cells, None, {})
        if read is None:
            read = self._read_mended(payload, block.wrapped)
        columns, misfits, counts = self._columns(read.cells)
        ledger = Ledger(
            bytes=len(payload) + block.header_bytes + block.blank_bytes,
            header_bytes=block.header_bytes,
            blank_bytes=block.blank_bytes,
            ambiguous_times=counts[0],
            missing_times=counts[1],
        )
        batch = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        has_no_uii = batch.column("uii").null_count > 0
        is_clean = read.records is None and not misfits and not has_no_uii
        self._is_troubled = read.records is not None and bool(read.bad or misfits)
        if is_clean and not block.rejects:
            ledger.rows = ledger.records = batch.num_rows
            ledger.row_bytes = len(payload)
            return Decoded(batch, (), ledger)
        return self._with_rejects(block, read, batch, misfits, ledger)

    # Reading

    def _read_mended(self, payload: bytes, wrapped: Sequence[tuple[int, int]]) -> _Read:
        """Take out what Arrow cannot read, and read the rest."""
        records = framing.frame(payload, wrapped)
        bad = {}
        for number in framing.wrong_field_counts(
            payload, records, self._delimiter, len(self._names)
        ).tolist():
            bad[number] = "wrong field count"
        if not payload.isascii():
            for number in framing.undecodable(payload, records).tolist():
                bad[number] = "not UTF-8"
        kept = payload
        if bad or records.blank_bytes:
            starts = np.delete(records.starts, list(bad))
            ends = np.delete(records.ends, list(bad))
            kept = b"".join(
                payload[start:end] for start, end in zip(*_joined(starts, ends), strict=True)
            )
        # Arrow takes a BOM off whatever it reads first; behind a blank line it is a value's.
        kept = b"\n" + kept if kept.startswith(BOM) else kept
        return _Read(self._reader.text(kept), records, bad)

    # Values

    def _columns(self, cells: Cells) -> tuple[list[Any], dict[str, values.Typed], tuple[int, int]]:
        """Typed arrays in the order of the schema, the misfits by column, DST counts."""
        arrays = []
        misfits = {}
        rows = len(next(iter(cells.values())))
        ambiguous = missing = 0
        for field in self.schema:
            if field.name in self.missing:
                arrays.append(pa.nulls(rows, field.type))
                continue
            typed = self._typed(field.name, cells[field.name])
            arrays.append(typed.array)
            ambiguous += typed.ambiguous
            missing += typed.missing
            if typed.misfits is not None:
                misfits[field.name] = typed
        return arrays, misfits, (ambiguous, missing)

    def _typed(self, name: str, cells: Any) -> values.Typed:
        column = COLUMN_BY_NAME.get(name)
        kind = "text" if column is None else column.kind
        if kind == "instant":
            return values.instant(cells, self._clock)
        if kind == "flag":
            return values.flag(cells)
        if kind == "uii":
            return values.Typed(values.uii(cells))
        if kind == "text":
            is_plain = pa.types.is_string(cells.type)
            return values.Typed(values.text(cells) if is_plain else values.repeating_text(cells))
        if pa.types.is_integer(cells.type):
            return values.Typed(cells)
        return values.whole_number(cells, field_type(name))

    # Rejects

    def _with_rejects(
        self,
        block: RecordBlock,
        read: _Read,
        batch: Any,
        misfits: dict[str, values.Typed],
        ledger: Ledger,
    ) -> Decoded:
        """Set aside records and cells, and count every byte of the block."""
        payload = block.payload
        records = read.records or framing.frame(payload, block.wrapped)
        offsets = _offsets(records.starts, block.segments)
        numbers = np.delete(np.arange(records.starts.size), list(read.bad))
        bad = dict(read.bad)
        without = pc.is_null(batch.column("uii")).to_numpy(zero_copy_only=False)
        bad |= dict.fromkeys(numbers[without].tolist(), "no uii")
        rejects = list(block.rejects)
        for number in sorted(bad):
            start, end = int(records.starts[number]), int(records.ends[number])
            is_tail = end == len(payload) and payload[-1:] not in (b"\n", b"\r")
            if is_tail:
                ledger.tail_bytes += end - start
            else:
                ledger.rejected_bytes += end - start
            reason = "unterminated" if is_tail else bad[number]
            rejects.append(Reject(int(offsets[number]), end - start, reason, payload[start:end]))
        cells = self._cell_rejects(misfits, numbers, offsets, bad)
        framed = sum(reject.length for reject in block.rejects)
        ledger.bytes += framed
        ledger.rejected_bytes += framed
        ledger.blank_bytes += records.blank_bytes
        ledger.row_bytes = (
            len(payload)
            - records.blank_bytes
            - sum(int(records.ends[number] - records.starts[number]) for number in bad)
        )
        ledger.rows = records.starts.size - len(bad)
        ledger.rejected_records = len(rejects)
        ledger.records = ledger.rows + ledger.rejected_records
        ledger.rejected_cells = len(cells)
        if without.any():
            batch = batch.filter(pa.array(~without))
        return Decoded(batch, _numbered(rejects, cells, offsets, block.rejects), ledger)

    def _cell_rejects(
        self,
        misfits: dict[str, values.Typed],
        numbers: Any,
        offsets: Any,
        bad: dict[int, str],
    ) -> list[Reject]:
        cells = []
        for name, typed in misfits.items():
            column = COLUMN_BY_NAME[name]
            for row in typed.misfits.tolist():
                number = int(numbers[row])
                if number not in bad:
                    raw = typed.words[row].as_py().encode()
                    offset = int(offsets[number])
                    cells.append(Reject(offset, len(raw), REASONS[column.kind], raw, name))
        return cells


def _unique(names: Sequence[str]) -> list[str]:
    """Names that occur again, or are empty, told apart by their position."""
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        own = name or f"column_{position}"
        while own in unique:
            own = f"{own}_{position}"
        unique.append(own)
    return unique


def _joined(starts: Any, ends: Any) -> tuple[list[int], list[int]]:
    """Adjacent spans made one."""
    if not starts.size:
        return [], []
    breaks = np.flatnonzero(starts[1:] != ends[:-1])
    return (
        [int(starts[0]), *starts[breaks + 1].tolist()],
        [*ends[breaks].tolist(), int(ends[-1])],
    )


def _offsets(positions: Any, segments: Sequence[tuple[int, int]]) -> Any:
    """Offsets in the body of positions in the payload."""
    if not segments:
        return positions
    bounds = np.array(segments, np.int64)
    at = np.searchsorted(bounds[:, 0], positions, side="right") - 1
    return positions - bounds[at, 0] + bounds[at, 1]


def _numbered(
    rejects: list[Reject], cells: list[Reject], offsets: Any, framed: Sequence[Reject]
) -> tuple[Reject, ...]:
    """Give every reject the number of its record within the block, in the order of the body."""
    everywhere = np.sort(
        np.concatenate((offsets, [reject.byte_offset for reject in framed])).astype(np.int64)
    )
    ordered = sorted(rejects + cells, key=lambda reject: reject.byte_offset)
    numbers = np.searchsorted(everywhere, [reject.byte_offset for reject in ordered]) + 1
    return tuple(
        Reject(*reject[:5], number)
        for reject, number in zip(ordered, numbers.tolist(), strict=True)
    )
