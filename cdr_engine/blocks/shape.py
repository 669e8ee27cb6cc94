"""Looking at one record: where its line ends, and whether it has the header's number of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdr_engine.blocks.dialect import LINE_END, shapely

if TYPE_CHECKING:
    from cdr_engine.blocks.header import Header

__all__ = ["end_of_line", "has_all_fields", "lone_quote", "whole_end"]


def end_of_line(buffer: bytes, at: int, limit: int, *, final: bool) -> int | None:
    """End of the physical line at `at`; None where it is not there, or about too long."""
    size = len(buffer)
    found = LINE_END.search(buffer, at, min(size, at + limit + 2))
    if found is None:
        return size if final and size - at <= limit else None
    if found.end() == size and not final and found[0] == b"\r":
        return None
    return found.end()


def lone_quote(buffer: bytes, at: int, reach: int, header: Header) -> int:
    """Position of a quote that opens a field of the line at `at` and that none closes, or -1."""
    quote = buffer.find(b'"', at, reach)
    if quote < 0 or buffer.find(b'"', quote + 1, reach) >= 0:
        return -1
    is_first = quote == at or buffer[quote - 1 : quote] == header.dialect.delimiter
    return quote if is_first and LINE_END.search(buffer, at, quote) is None else -1


def whole_end(buffer: bytes, at: int, reach: int, header: Header) -> int:
    """End of the record at `at` if it has all fields and a line end; else `at`."""
    match = shapely(header.dialect.delimiter, len(header.names)).match(buffer, at, reach)
    return match.end() if match is not None and buffer[match.end() - 1] in b"\r\n" else at


def has_all_fields(buffer: bytes, at: int, end: int, header: Header) -> bool:
    """Tell whether a piece of a buffer is one record with the header's number of fields."""
    shape = shapely(header.dialect.delimiter, len(header.names))
    return shape.fullmatch(buffer, at, end) is not None
