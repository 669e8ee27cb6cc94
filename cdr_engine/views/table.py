"""An answer as a table for eyes: aligned, in percent, as wide as the terminal, or in Markdown."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cdr_engine.views.text import instants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["draw", "markdown_head", "markdown_rows"]

RATE = re.compile(r"(^|_)(rate|share)(_low|_high)?$")

WIDEST = 40
"""Characters of a cell; longer ones are cut, a table is not where one reads URLs."""


def draw(rows: pa.Table, *, n_cut: int, is_terminal: bool, width: int | None = None) -> str:
    """
    Draw rows as text, with a line below for what is not shown.

    Parameters
    ----------
    rows
        All that is to be shown.
    n_cut
        Rows that the caller left out.
    is_terminal
        Use the terminal's bold face.
    width
        Characters of a line; None is the terminal's width. Columns that do not fit are left out
        from the right, and counted.
    """
    width = width or shutil.get_terminal_size().columns
    columns = _columns(rows)
    shown = _fitting(rows.schema.names, columns, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index in range(shown):
        field = rows.schema.field(index)
        table.add_column(
            Text(_printable(field.name)),
            justify="right" if _is_number(field.type) else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=WIDEST,
        )
    for row in zip(*columns[:shown], strict=True):
        table.add_row(*(Text(cell) for cell in row))
    page = StringIO()
    console = Console(file=page, width=width, force_terminal=is_terminal, highlight=False)
    console.print(table)
    console.print(Text(_footer(rows, n_cut, len(columns) - shown)))
    return page.getvalue()


def markdown_head(schema: pa.Schema) -> bytes:
    """The two first lines of a Markdown table; numbers stand right."""
    rules = ["---:" if _is_number(field.type) else "---" for field in schema]
    return _markdown_line(schema.names) + _markdown_line(rules)


def markdown_rows(batch: pa.RecordBatch) -> bytes:
    """Rows of a Markdown table, in the words of a table for eyes, uncut."""
    columns = _columns(pa.Table.from_batches([batch]))
    return b"".join(_markdown_line(row) for row in zip(*columns, strict=True))


def _markdown_line(cells: Iterable[str]) -> bytes:
    safe = (re.sub(r"([\\|`*<>\[\]])", r"\\\1", _printable(cell)) for cell in cells)
    return f"| {' | '.join(safe)} |\n".encode()


def _columns(rows: pa.Table) -> list[list[str]]:
    """Every column's cells as text."""
    batches = [instants(batch) for batch in rows.to_batches()]
    return [
        [_cell(name, value) for batch in batches for value in batch.column(index).to_pylist()]
        for index, name in enumerate(rows.schema.names)
    ]


def _cell(name: str, value: Any) -> str:
    """One value as text; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, (float, Decimal)) and RATE.search(name):
        return f"{value:.1%}".replace("%", " %")
    if isinstance(value, float):
        return f"{value:.6g}"
    return _printable(str(value))


def _printable(text: str) -> str:
    """The text without what would move a terminal's cursor."""
    return "".join(char if char.isprintable() else "·" for char in text)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _fitting(names: Sequence[str], columns: Sequence[Sequence[str]], width: int) -> int:
    """How many columns, from the left, fit side by side; at least one."""
    used = 0
    for count, (name, cells) in enumerate(zip(names, columns, strict=True)):
        used += min(WIDEST, max(map(cell_len, (name, *cells)))) + (3 if count else 0)
        if used > width and count:
            return count
    return len(columns)


def _footer(rows: pa.Table, n_cut: int, n_columns_cut: int) -> str:
    """How much there is, and how much of it is not shown."""
    parts = [f"{rows.num_rows + n_cut} row{'' if rows.num_rows + n_cut == 1 else 's'}"]
    if n_cut:
        parts.append(f"{n_cut} cut")
    if n_columns_cut:
        parts.append(f"{n_columns_cut} more column{'' if n_columns_cut == 1 else 's'}")
    return ", ".join(parts)
