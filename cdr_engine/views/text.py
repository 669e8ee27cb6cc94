"""Arrow columns as text: instants in ISO 8601, what CSV has no form for, what spreadsheets take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["guarded", "guarded_names", "instants", "texts", "texts_schema"]

ISO = "%Y-%m-%dT%H:%M:%S"
OFFSET = "%Ez"

WORKED_OUT = r"^([=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|\s*[.,(]?[0-9])"
"""
How a text begins that a spreadsheet does not take as text: as a formula (the characters of OWASP's
page on CSV injection, full-width ones too), or as a number or date, which would cut an id of 30
digits to 15 and take a phone number's leading zero.
"""


def instants(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same batch, its instants and local times as ISO 8601 text."""
    return _replaced(batch, pa.types.is_timestamp, _iso)


def guarded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same batch, with an apostrophe before each text that a spreadsheet would work out."""
    return _replaced(batch, _is_text, _guard)


def guarded_names(names: list[str]) -> list[str]:
    """Names of columns, guarded as their cells are."""
    return [str(name) for name in _guard(pa.array(names, pa.string())).to_pylist()]


def texts(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The same batch as `schema`, from `texts_schema`, has it."""
    batch = _replaced(instants(batch), _has_no_csv_form, _json)
    return batch.cast(schema)


def texts_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as CSV writes them: instants, bytes and nested values as text."""
    return pa.schema(
        pa.field(
            field.name,
            pa.string()
            if pa.types.is_timestamp(field.type) or _has_no_csv_form(field.type)
            else field.type,
        )
        for field in schema
    )


def _replaced(
    batch: pa.RecordBatch,
    is_meant: Callable[[pa.DataType], bool],
    replace: Callable[[Any], Any],
) -> pa.RecordBatch:
    """The batch with some of its columns replaced, by type; names may repeat."""
    arrays = [replace(array) if is_meant(array.type) else array for array in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _guard(array: Any) -> Any:
    """An apostrophe keeps what follows it text; the report itself guards its uii so."""
    marked = pc.binary_join_element_wise("'", array, "")
    return pc.if_else(pc.match_substring_regex(array, WORKED_OUT), marked.cast(array.type), array)


def _iso(array: Any) -> Any:
    """Timestamps as text; parts of a second only where a value has them."""
    text = pc.strftime(array, format=ISO + OFFSET if array.type.tz else ISO)
    return pc.replace_substring_regex(text, pattern=r"\.0+([+-].*)?$", replacement=r"\1")


def _has_no_csv_form(kind: pa.DataType) -> bool:
    """Tell types that the CSV writer does not take, or writes as raw bytes."""
    return bool(
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_interval(kind)
        or pa.types.is_duration(kind)
    )


def _json(array: Any) -> Any:
    """Values as JSON text, a text value without its quotes; bytes are base64."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    values = array.to_pylist()
    return pa.array(
        [None if value is None else encode(value).decode().strip('"') for value in values],
        pa.string(),
    )
