"""The table of columns as Arrow types: in memory while decoding, and as users see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cdr_engine.schema import COLUMN_BY_NAME, COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DICTIONARY", "calls_schema", "field_type", "plain", "working_schema"]

DICTIONARY = pa.dictionary(pa.int32(), pa.string())
"""Text whose values repeat, while it is decoded: work is done once per distinct value."""

INSTANT = pa.timestamp("ms", tz="UTC")

_TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "flag": pa.bool_(),
    "instant": INSTANT,
    "uii": pa.string(),
    "text": pa.string(),
}


def field_type(name: str) -> Any:
    """Arrow type of a column as users see it; a column the report does not know is text."""
    column = COLUMN_BY_NAME.get(name)
    return pa.string() if column is None else _TYPES[column.kind]


def calls_schema(unknown: Iterable[str] = ()) -> Any:
    """Return the schema of the calls table: the 34 columns, then unknown ones as text."""
    names = [column.name for column in COLUMNS] + list(unknown)
    return pa.schema([(name, field_type(name)) for name in names])


def working_schema(unknown: Iterable[str] = ()) -> Any:
    """Return the same schema with repeating text as dictionaries: the decoder's own batches."""
    fields = []
    for field in calls_schema(unknown):
        column = COLUMN_BY_NAME.get(field.name)
        is_plain = column is not None and column.is_distinctive
        is_text = pa.types.is_string(field.type)
        fields.append(field.with_type(DICTIONARY) if is_text and not is_plain else field)
    return pa.schema(fields)


def plain(batch: Any) -> Any:
    """Return a decoder's batch with text as strings, the form that every reader understands."""
    schema = pa.schema(
        [
            field.with_type(pa.string()) if field.type == DICTIONARY else field
            for field in batch.schema
        ]
    )
    return batch.cast(schema)
