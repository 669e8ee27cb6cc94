"""
Cells out of payloads, read by Arrow with every type given.

A payload goes to `pyarrow.csv.read_csv` as a whole and without threads: its incremental reader
loses rows, and line feeds inside quotes, at the edges of what it is fed (apache/arrow 51368).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv

from cdr_engine.columns import frame as framing
from cdr_engine.columns.arrow import DICTIONARY, field_type
from cdr_engine.columns.values import has_odd_numbers
from cdr_engine.schema import COLUMN_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["BOM", "CellReader", "CellsByColumn"]

BOM = b"\xef\xbb\xbf"

CellsByColumn = dict[str, Any]
"""Arrays by column, one piece each: text that repeats as dictionaries, empty cells NULL."""


class CellReader:
    """
    Read payloads of one body; calls from several threads at once are fine.

    Parameters
    ----------
    names
        The header's columns in its order, each different.
    wanted
        Those to read.
    delimiter
        One byte.
    """

    def __init__(self, names: Sequence[str], wanted: Collection[str], delimiter: bytes) -> None:
        self._names = list(names)
        self._types = {name: _read_type(name) for name in names if name in wanted}
        self._delimiter = delimiter
        self.nothing = {name: pa.array([], kind) for name, kind in self._types.items()}
        """Cells of no records."""
        self._odd_numbers: frozenset[str] = frozenset()

    def clean(self, payload: bytes) -> CellsByColumn | None:
        """Read a payload that has nothing to mend, integers as such; None if it has."""
        if not payload:
            return self.nothing
        lines, is_plain = framing.is_plain(payload)
        if not is_plain or payload.startswith(BOM) or framing.has_hexadecimal(payload):
            return None
        try:
            cells = self._read(payload, self._types)
        except pa.ArrowInvalid:
            return None
        return cells if _rows(cells) == lines else None

    def mended(self, payload: bytes) -> CellsByColumn:
        """
        Read a payload whose records can all be read.

        Whole numbers come as text in columns that had odd ones.

        Raises
        ------
        pyarrow.ArrowInvalid
            If a record has another number of fields than the header, or is not UTF-8.
        """
        if not framing.has_hexadecimal(payload):
            try:
                return self._read(payload, self._types_but(self._odd_numbers))
            except pa.ArrowInvalid:
                pass  # some number is odd: which one, only their text tells
        numbers = [name for name, kind in self._types.items() if pa.types.is_integer(kind)]
        cells = self._read(payload, self._types_but(numbers))
        odd = [name for name in numbers if has_odd_numbers(cells[name], self._types[name])]
        self._odd_numbers = self._odd_numbers.union(odd)
        return cells

    def _types_but(self, as_text: Collection[str]) -> dict[str, Any]:
        """How Arrow converts the columns, some numbers among them as text."""
        return {name: DICTIONARY if name in as_text else kind for name, kind in self._types.items()}

    def _read(self, payload: bytes, types: dict[str, Any]) -> CellsByColumn:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(payload),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=len(payload) + 1, column_names=self._names
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._delimiter.decode(), newlines_in_values=b'"' in payload
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                check_utf8=not payload.isascii(),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        return {name: _one_chunk(table.column(name)) for name in types}


def _rows(cells: CellsByColumn) -> int:
    return len(next(iter(cells.values()))) if cells else 0


def _read_type(name: str) -> Any:
    column = COLUMN_BY_NAME.get(name)
    if column is not None and (column.is_distinctive or column.kind in ("int32", "int64")):
        return field_type(name)
    return DICTIONARY


def _one_chunk(column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.array([], column.type) if column.num_chunks == 0 else column.combine_chunks()
