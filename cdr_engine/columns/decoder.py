"""
Blocks in, one RecordBatch each out, and the rejects.

Strategy. A block is first read in one go, Arrow converting integers as it parses and building
dictionaries of the text that repeats; what is left to do, is done on the distinct values. That is
the whole story of a clean block. If Arrow balks, or gives another number of rows than the block has
lines, the block is *mended*: its records are laid out by position, blank lines and the records that
cannot be read are taken out, integers are read as text, and the cells that do not fit are found.
After a block that needed it the next one is mended at once, until one is clean again, so that a bad
row in every block costs little more than a bad row in one.
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
from cdr_engine.columns.mending import NO_UII, mended
from cdr_engine.columns.reading import BOM, CellReader, CellsByColumn
from cdr_engine.columns.setting_aside import Cells, count_records, rejects_of
from cdr_engine.errors import SchemaError
from cdr_engine.ledger import Ledger
from cdr_engine.rejected import NO_REJECTS
from cdr_engine.schema import COLUMN_BY_NAME, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.ledger import Reject

__all__ = ["Contract", "Decoded", "Decoder"]

Contract = Literal["evolve", "freeze", "discard"]
"""Unknown columns: kept as text, an error, left out."""


class RecordBlock(Protocol):
    """What the decoder needs to know of a block of whole records."""

    @property
    def payload(self) -> bytes: ...
    @property
    def segments(self) -> Sequence[tuple[int, int]]: ...
    @property
    def wrapped(self) -> Sequence[tuple[int, int]]: ...
    @property
    def foreign(self) -> Sequence[tuple[int, int]]: ...
    @property
    def has_misquoted(self) -> bool: ...
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
    rejects: Any
    """As `rejected.carried` makes them, by position; `record` counts from 1 within this block."""
    ledger: Ledger


class _Read(NamedTuple):
    """One block as Arrow read it, with what had to be taken out first."""

    cells: CellsByColumn
    records: framing.Frame | None
    """Every record of the payload; None for a clean block, where they are its lines."""
    faults: Any
    """Of every record, as a code of `FAULTS`, where there are records."""


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
        if not (self._is_troubled or block.wrapped or block.foreign or block.has_misquoted):
            cells = self._reader.clean(payload)
            read = None if cells is None else _Read(cells, None, None)
        if read is None:
            read = self._read_mended(block)
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
        self._is_troubled = read.records is not None and bool(misfits or read.faults.any())
        if is_clean and not block.rejects:
            ledger.rows = ledger.records = batch.num_rows
            ledger.row_bytes = len(payload)
            return Decoded(batch, NO_REJECTS, ledger)
        return self._with_rejects(block, read, batch, misfits, ledger)

    # Reading

    def _read_mended(self, block: RecordBlock) -> _Read:
        """Take out what Arrow cannot read, and read the rest."""
        kept, records, faults = mended(
            block.payload, block.wrapped, block.foreign, self._delimiter, len(self._names)
        )
        if not kept:
            return _Read(self._reader.nothing, records, faults)
        # Arrow takes a BOM off whatever it reads first; behind a blank line it is a value's.
        kept = b"\n" + kept if kept.startswith(BOM) else kept
        return _Read(self._reader.mended(kept), records, faults)

    # Values

    def _columns(
        self, cells: CellsByColumn
    ) -> tuple[list[Any], dict[str, values.Typed], tuple[int, int]]:
        """Typed arrays in the order of the schema, the misfits by column, DST counts."""
        rows = len(next(iter(cells.values())))
        if not rows:
            return [pa.nulls(0, field.type) for field in self.schema], {}, (0, 0)
        arrays = []
        misfits = {}
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
        records, faults = read.records, read.faults
        if records is None:
            records = framing.frame(block.payload, block.wrapped)
            faults = np.zeros(records.starts.size, np.int8)
        numbers = np.flatnonzero(faults == 0)
        without = pc.is_null(batch.column("uii")).to_numpy(zero_copy_only=False)
        faults[numbers[without]] = NO_UII
        cells = _cells(misfits, numbers, without)
        count_records(ledger, block, records, faults)
        ledger.rejected_cells = sum(one.numbers.size for one in cells)
        if without.any():
            batch = batch.filter(pa.array(~without))
        if not (ledger.rejected_records or cells):
            return Decoded(batch, NO_REJECTS, ledger)
        return Decoded(batch, rejects_of(block, records, faults, cells), ledger)


def _cells(misfits: dict[str, values.Typed], numbers: Any, without: Any) -> list[Cells]:
    """Misfits of rows that are kept, as cells of their records."""
    found = []
    for name, typed in misfits.items():
        rows = typed.misfits[~without[typed.misfits]]
        if rows.size:
            texts = typed.words.take(pa.array(rows)).cast(pa.string())
            found.append(Cells(name, numbers[rows], texts))
    return found


def _unique(names: Sequence[str]) -> list[str]:
    """Names that occur again, or are empty, told apart by their position."""
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        own = name or f"column_{position}"
        while own in unique:
            own = f"{own}_{position}"
        unique.append(own)
    return unique
