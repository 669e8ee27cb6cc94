"""
The grammar of a record, after RFC 4180 section 2, as bytes patterns.

Where the RFC is silent, or stricter than files in the wild, the choice is: a line ends in CRLF, LF
or CR; a quote opens a field only as its first byte and is an ordinary byte elsewhere; a closing
quote must be followed by a delimiter or a line end.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

__all__ = ["BOM", "DELIMITERS", "LINE_END", "Dialect", "dialect", "misshapen", "shapely"]

DELIMITERS: dict[str, bytes] = {"COMMA": b",", "PIPE": b"|", "TAB": b"\t"}
"""The delimiters of the report service that make one record a line."""

BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\n|\r")


class Dialect(NamedTuple):
    """The patterns of one delimiter. All are possessive: they never backtrack."""

    delimiter: bytes
    fields: re.Pattern[bytes]
    """The well-formed fields from here on, without a line end."""
    record: re.Pattern[bytes]
    """One well-formed record with its line end."""
    field: re.Pattern[bytes]
    """One field (group 1) and what ended it: a delimiter, or nothing at the end of a record."""

    def cells(self, record: bytes) -> list[bytes]:
        """Split one well-formed record, without its line end, into unquoted cells."""
        if b'"' not in record:
            return record.split(self.delimiter)
        cells = []
        for match in self.field.finditer(record):
            cell = match[1]
            quoted = cell.startswith(b'"')
            cells.append(cell[1:-1].replace(b'""', b'"') if quoted else cell)
            if not match[2]:
                break
        return cells


def _mark_and_field(delimiter: bytes) -> tuple[bytes, bytes]:
    mark = re.escape(delimiter)
    return mark, rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^"%b\r\n][^%b\r\n]*+)?+' % (mark, mark)


@cache
def dialect(delimiter: bytes) -> Dialect:
    """Compile the grammar for a one-byte delimiter."""
    mark, field = _mark_and_field(delimiter)
    fields = rb"%b(?:%b%b)*+" % (field, mark, field)
    return Dialect(
        delimiter,
        fields=re.compile(fields),
        record=re.compile(fields + rb"(?:\r\n|\n|\r)"),
        field=re.compile(rb"(%b)(%b|$)" % (field, mark)),
    )


@cache
def shapely(delimiter: bytes, fields: int) -> re.Pattern[bytes]:
    """One well-formed record of so many fields, with its line end or without."""
    mark, field = _mark_and_field(delimiter)
    return re.compile(rb"(?:%b%b){%d}+%b(?:\r\n|\n|\r)?+" % (field, mark, fields - 1, field))


@cache
def misshapen(delimiter: bytes, fields: int) -> re.Pattern[bytes]:
    """Lines without a quote that do not have so many fields; a CR at the edge may be half."""
    cell = rb'[^%b"\r\n]*+' % re.escape(delimiter)
    mark = re.escape(delimiter)
    few = rb"(?:%b%b){0,%d}+" % (cell, mark, fields - 2)
    many = rb"(?:%b%b){%d,}+" % (cell, mark, fields)
    shapes = rb"(?:%b|%b)" % (many, few) if fields > 1 else many
    return re.compile(rb"(?:%b%b(?:\r\n|\n|\r(?=[^\n])))*+" % (shapes, cell))
