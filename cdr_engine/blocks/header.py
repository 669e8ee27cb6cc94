"""Which line is the header of the report, and which delimiter it uses."""

from __future__ import annotations

from typing import NamedTuple

from cdr_engine.blocks.dialect import BOM, DELIMITERS, Dialect, dialect
from cdr_engine.schema import ALIASES, COLUMN_BY_NAME, NAMES

__all__ = ["KEY_COLUMN", "Header", "header_of", "is_complete", "is_header", "names_of"]

KEY_COLUMN = "uii"
"""The column no record can do without, so no header either."""


class Header(NamedTuple):
    """The names of a header line, in its order, and the dialect it was written in."""

    names: tuple[str, ...]
    dialect: Dialect


def names_of(cells: list[bytes]) -> tuple[str, ...]:
    """Cells of a header line as column names: trimmed, aliases of the vendor's page resolved."""
    names = (cell.decode("utf-8", "replace").strip(" \t") for cell in cells)
    return tuple(ALIASES.get(name, name) for name in names)


def is_header(names: tuple[str, ...]) -> bool:
    """Tell whether these cells are a header: the key is there, and half of them are columns."""
    known = sum(name in COLUMN_BY_NAME for name in names)
    return KEY_COLUMN in names and 2 * known >= len(names)


def is_complete(names: tuple[str, ...]) -> bool:
    """Tell whether these cells name every column of the report, each of them once."""
    return len(set(names)) == len(names) and "" not in names and set(NAMES) <= set(names)


def header_of(line: bytes, delimiter: bytes | None = None) -> Header | None:
    """
    Read one line, without its line end, as a header; None where it is not one.

    `delimiter` fixes the delimiter; else each of the service's is tried.
    """
    for mark in (delimiter,) if delimiter else DELIMITERS.values():
        candidate = dialect(mark)
        names = names_of(candidate.cells(line.removeprefix(BOM)))
        if is_header(names):
            return Header(names, candidate)
    return None
