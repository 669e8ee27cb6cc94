"""
Whether every file of a dataset is what its footer claims.

DuckDB and pyarrow both return wrong sums from a file with one flipped bit unless page checksums are
read; here they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.dataset.footer import read_footer
from cdr_engine.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdr_engine.dataset.layout import Layout

__all__ = ["Finding", "verify"]


class Finding(NamedTuple):
    """One damaged or stray file."""

    path: Path
    problem: str


def verify(layout: Layout) -> Iterator[Finding]:
    """Read every page of every file against its checksum, and every ledger against its rows."""
    for path in layout.data_files():
        problem = _data_file_problem(layout, path)
        if problem:
            yield Finding(path, problem)
    for path in layout.reject_files():
        problem = _pages_problem(path)
        if problem:
            yield Finding(path, problem)
    for path in layout.leftovers():
        yield Finding(path, "left over by an interrupted writer; the next export removes it")


def _data_file_problem(layout: Layout, path: Path) -> str | None:
    problem = _pages_problem(path)
    if problem:
        return problem
    try:
        footer = read_footer(path).footer
    except DatasetError as error:
        return str(error)
    try:
        footer.ledger.check()
    except AssertionError as error:
        return str(error)
    rows = pq.read_metadata(path).num_rows
    if rows != footer.ledger.rows:
        return f"{rows} rows where its ledger says {footer.ledger.rows}"
    place = layout.place(footer.account_id, footer.name)
    if path != place.calls:
        return f"its footer belongs to {place.calls.relative_to(layout.root)}"
    listed = pq.read_metadata(place.rejects).num_rows if place.rejects.exists() else 0
    expected = footer.ledger.rejected_records + footer.ledger.rejected_cells
    if listed != expected:
        return f"{listed} rejects on file where its ledger says {expected}"
    return None


def _pages_problem(path: Path) -> str | None:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches():
                batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        return str(error).partition("\n")[0][:200]
    return None
