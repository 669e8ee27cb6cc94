"""Records and cells that are set aside, as columns, and what the ledger says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdr_engine.columns.frame import cut_out
from cdr_engine.columns.mending import FAULTS, UNTERMINATED
from cdr_engine.rejected import carried
from cdr_engine.schema import COLUMN_BY_NAME, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.columns.decoder import RecordBlock
    from cdr_engine.columns.frame import Frame
    from cdr_engine.ledger import Ledger, Reject

__all__ = ["Cells", "count_records", "rejects_of"]

MISFITS = {
    "int32": "not a whole number of 32 bits",
    "int64": "not a whole number of 64 bits",
    "instant": "not a time",
    "flag": "neither yes nor no",
}
"""Why a cell is set aside, by the kind of its column."""

REASONS = (*FAULTS, *MISFITS.values(), "before the header", "too long")
"""All of them; the last ones come with a block."""

_REASONS = pa.array(REASONS, pa.string())
_COLUMNS = pa.array(NAMES, pa.string())
_NO_COLUMN = -1


class Cells(NamedTuple):
    """Cells of one column that did not fit."""

    name: str
    numbers: Any
    """Of their records within the block's payload, ascending."""
    texts: Any
    """As an Arrow array of strings."""


class _Part(NamedTuple):
    """Some rejects of one sort, ascending."""

    ranks: Any
    """Numbers of their records in the block, from 1."""
    offsets: Any
    lengths: Any
    columns: Any
    """As a code of `_COLUMNS`."""
    reasons: Any
    """As a code of `REASONS`."""
    raw: Any


def count_records(ledger: Ledger, block: RecordBlock, records: Frame, faults: Any) -> None:
    """Count every byte and record; a bad one that nothing ends becomes the tail."""
    payload, framed = block.payload, block.rejects
    bad = np.flatnonzero(faults)
    if bad.size < faults.size:
        lengths = int((records.ends[bad] - records.starts[bad]).sum())
    else:
        lengths = len(payload) - records.blank_bytes
    tail = 0
    if bad.size and records.ends[bad[-1]] == len(payload) and payload[-1:] not in (b"\n", b"\r"):
        faults[bad[-1]] = UNTERMINATED
        tail = int(records.ends[bad[-1]] - records.starts[bad[-1]])
    framed_bytes = sum(reject.length for reject in framed)
    ledger.bytes += framed_bytes
    ledger.tail_bytes = tail
    ledger.rejected_bytes = framed_bytes + lengths - tail
    ledger.blank_bytes += records.blank_bytes
    ledger.row_bytes = len(payload) - records.blank_bytes - lengths
    ledger.rows = records.starts.size - bad.size
    ledger.rejected_records = bad.size + len(framed)
    ledger.records = ledger.rows + ledger.rejected_records


def rejects_of(block: RecordBlock, records: Frame, faults: Any, cells: Sequence[Cells]) -> Any:
    """Everything that a block sets aside, in the order of the body, as a RecordBatch."""
    offsets = _offsets(records.starts, block.segments)
    bad = np.flatnonzero(faults)
    starts, ends = records.starts, records.ends
    if bad.size < starts.size:
        starts, ends, offsets_of_bad = starts[bad], ends[bad], offsets[bad]
    else:
        offsets_of_bad = offsets
    none = np.full(bad.size, _NO_COLUMN, np.int8)
    raw = cut_out(block.payload, starts, ends)
    parts = [_Part(bad + 1, offsets_of_bad, ends - starts, none, faults[bad], raw)]
    parts += [_cells(one, offsets) for one in cells]
    if block.rejects:
        between = np.sort(np.array([reject.byte_offset for reject in block.rejects], np.int64))
        parts = [
            part._replace(ranks=part.ranks + np.searchsorted(between, part.offsets))
            for part in parts
        ]
        parts.insert(0, _framed(block.rejects, offsets))
    if len(parts) == 1:
        return _carried(parts[0])
    ranks, at, lengths, columns, reasons = (
        np.concatenate([part[field] for part in parts]) for field in range(5)
    )
    raw = pa.concat_arrays([part.raw for part in parts])
    whole = _Part(ranks, at, lengths, columns, reasons, raw)
    return _carried(whole).take(pa.array(np.argsort(whole.offsets, kind="stable")))


def _cells(cells: Cells, offsets: Any) -> _Part:
    count = cells.numbers.size
    kind = COLUMN_BY_NAME[cells.name].kind
    raw = cells.texts.cast(pa.binary())
    return _Part(
        cells.numbers + 1,
        offsets[cells.numbers],
        pc.binary_length(raw).to_numpy().astype(np.int64),
        np.full(count, NAMES.index(cells.name), np.int8),
        np.full(count, REASONS.index(MISFITS[kind]), np.int8),
        raw,
    )


def _framed(rejects: Sequence[Reject], offsets: Any) -> _Part:
    """Rejects that came with the block, between the records of its payload at these offsets."""
    ordered = sorted(rejects, key=lambda reject: reject.byte_offset)
    at = np.array([reject.byte_offset for reject in ordered], np.int64)
    return _Part(
        np.searchsorted(offsets, at) + np.arange(1, at.size + 1),
        at,
        np.array([reject.length for reject in ordered], np.int64),
        np.full(at.size, _NO_COLUMN, np.int8),
        np.array([REASONS.index(reject.reason) for reject in ordered], np.int8),
        pa.array([reject.raw for reject in ordered], pa.binary()),
    )


def _carried(part: _Part) -> Any:
    is_record = part.columns == _NO_COLUMN
    columns = pa.array(part.columns, mask=is_record)
    return carried(
        [
            pa.array(part.ranks),
            pa.array(part.offsets),
            pa.array(part.lengths),
            pa.DictionaryArray.from_arrays(columns, _COLUMNS),
            pa.DictionaryArray.from_arrays(part.reasons, _REASONS),
            part.raw,
        ]
    )


def _offsets(positions: Any, segments: Sequence[tuple[int, int]]) -> Any:
    """Offsets in the body of positions in the payload."""
    if not segments:
        return positions
    if len(segments) == 1:
        ((start, offset),) = segments
        return positions + (offset - start)
    bounds = np.array(segments, np.int64)
    at = np.searchsorted(bounds[:, 0], positions, side="right") - 1
    return positions - bounds[at, 0] + bounds[at, 1]
