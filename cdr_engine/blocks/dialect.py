"""
The grammar of a record, after RFC 4180 section 2, as bytes patterns.

Where the RFC is silent, or stricter than files in the wild, the choice is: a line ends in CRLF, LF
or CR; a quote opens a field only as its first byte and is an ordinary byte elsewhere; a closing
quote must be followed by a delimiter or a line end.

What is repeated possessively is an atomic group, `(?>…)*+`: Python before 3.11.5 gives up such a
match, or ends it early, where a plain group fails behind its first byte (cpython issue 106052).
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

__all__ = [
    "BOM",
    "DELIMITERS",
    "LINE_END",
    "Dialect",
    "dialect",
    "enough",
    "misshapen",
    "shapely",
]

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
    lines: re.Pattern[bytes]
    """
    From the start of a record, all bytes up to a quote that needs a closer look, or the end.

    Quotes that do not: those of a field within its line, those inside an unquoted field, and,
    where there is a group 1, those with text behind them, which spoil no more than their line.
    """

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
    return mark, rb'(?>"[^"]*+(?>""[^"]*+)*+"|[^"%b\r\n][^%b\r\n]*+)?+' % (mark, mark)


@cache
def dialect(delimiter: bytes) -> Dialect:
    """Compile the grammar for a one-byte delimiter."""
    mark, field = _mark_and_field(delimiter)
    fields = rb"%b(?>%b%b)*+" % (field, mark, field)
    return Dialect(
        delimiter,
        fields=re.compile(fields),
        record=re.compile(fields + rb"(?:\r\n|\n|\r)"),
        field=re.compile(rb"(%b)(%b|$)" % (field, mark)),
        lines=_lines(mark),
    )


def _lines(mark: bytes) -> re.Pattern[bytes]:
    quoted = rb'(?<![^%b\r\n])"[^"\r\n]*+(?>""[^"\r\n]*+)*+"' % mark
    inside = rb'(?<=[^%b\r\n])"' % mark
    behind = rb"(?:(?=[%b\r\n])|([^\r\n]++)(?=[\r\n]))" % mark
    return re.compile(rb'[^"]*+(?>(?:%b%b|%b)[^"]*+)*+' % (quoted, behind, inside))


@cache
def shapely(delimiter: bytes, fields: int) -> re.Pattern[bytes]:
    """One well-formed record of so many fields, with its line end or without."""
    mark, field = _mark_and_field(delimiter)
    return re.compile(rb"(?>%b%b){%d}+%b(?>\r\n|\n|\r)?+" % (field, mark, fields - 1, field))


@cache
def misshapen(delimiter: bytes, fields: int) -> re.Pattern[bytes]:
    """
    Lines that do not begin a record of so many fields; a CR at the edge may be half.

    Where more bytes could still make it such a record, the line is left alone.
    """
    mark, field = _mark_and_field(delimiter)
    cell = rb'[^%b"\r\n]*+' % mark
    few = rb"(?>%b%b){0,%d}+" % (cell, mark, fields - 2)
    many = rb"(?>%b%b){%d,}+" % (cell, mark, fields)
    shapes = rb"(?:%b|%b)" % (many, few) if fields > 1 else many
    line_end = rb"(?:\n|\r\n|\r(?=[^\n]))"
    some = rb"(?>%b%b){0,%d}+" % (field, mark, fields - 2) if fields > 1 else b""
    last = rb"%b%b(?:[\r\n]|\Z)" % (mark, field) if fields > 1 else rb"[\r\n]"
    open_field = rb'"[^"]*+(?>""[^"]*+)*+\Z'
    may_be = rb"%b(?:%b(?:\Z|%b|%b%b)|%b)" % (some, field, last, mark, open_field, open_field)
    # Most lines that a quote spoils show it at once: text follows where their first one closes.
    spoilt = rb'(?=[^"\r\n]*+(?<![^%b\r\n])"[^"]*+(?>""[^"]*+)*+"[^"%b\r\n])' % (mark, mark)
    plain = rb"%b%b%b" % (shapes, cell, line_end)
    other = rb"(?:%b|(?!%b))[^\r\n]*+%b" % (spoilt, may_be, line_end)
    return re.compile(rb"(?>%b|%b)*+" % (plain, other))


@cache
def enough(delimiter: bytes, fields: int) -> re.Pattern[bytes]:
    """As many delimiters as a record of so many fields has, wherever they are."""
    mark = re.escape(delimiter)
    return re.compile(rb"(?>[^%b]*+%b){%d}+" % (mark, mark, fields - 1))
