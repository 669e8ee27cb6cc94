"""
Rejects as columns: how they travel from the decoder to the file that lists them.

A body that nobody meant well with has a reject every few bytes, so none is an object of its own
until somebody looks at it: `listed` makes those objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from cdr_engine.ledger import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NO_REJECTS", "REJECTS_SCHEMA", "WORD", "carried", "listed", "renumbered"]

REJECTS_SCHEMA = pa.schema(
    [
        ("record", pa.int64()),
        ("byte_offset", pa.int64()),
        ("length", pa.int64()),
        ("column", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
    ]
)
"""One row a reject, as it is on file; the fields are those of `Reject`."""

WORD = pa.dictionary(pa.int8(), pa.string())
"""Columns and reasons on their way: there are few of either."""

_CARRIED_SCHEMA = pa.schema(
    [field.with_type(WORD) if pa.types.is_string(field.type) else field for field in REJECTS_SCHEMA]
)

NO_REJECTS = pa.RecordBatch.from_pylist([], _CARRIED_SCHEMA)


def carried(columns: Iterable[Any]) -> Any:
    """Make a RecordBatch of rejects out of the columns of `REJECTS_SCHEMA`, words encoded."""
    return pa.RecordBatch.from_arrays(list(columns), schema=_CARRIED_SCHEMA)


def renumbered(rejects: Any, before: int) -> Any:
    """Return rejects whose records are counted from `before` records further up."""
    record = pc.add(rejects.column("record"), pa.scalar(before, pa.int64()))
    return carried([record, *rejects.columns[1:]])


def listed(rejects: Any) -> list[Reject]:
    """Return rejects one by one."""
    columns = [rejects.column(name).to_pylist() for name in Reject._fields]
    return [Reject(*fields) for fields in zip(*columns, strict=True)]
