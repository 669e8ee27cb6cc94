"""
Whether every file of a dataset is what its footer claims.

DuckDB and pyarrow both return wrong sums from a file with one flipped bit unless page checksums are
read; here they are, and the seal, which holds for the bytes around the pages too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.dataset.footer import Footer, digest_of, read_footer
from cdr_engine.dataset.rollups import damaged_rollups
from cdr_engine.dataset.seal import is_sealed
from cdr_engine.errors import DatasetError, UsageError
from cdr_engine.ledger import Ledger

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
    """Read every byte of every file against its checksums, and every ledger against its rows."""
    for path in layout.data_files():
        problem = _content_problem(path) or _record_problem(layout, path)
        if problem:
            yield Finding(path, problem)
    for path in [*layout.reject_files(), *layout.spot_files()]:
        problem = _content_problem(path)
        if problem:
            yield Finding(path, problem)
    for path in damaged_rollups(layout):
        yield Finding(path, "its counts are not those that were committed")
    for path in layout.leftovers():
        yield Finding(path, "left over by an interrupted writer; the next export removes it")


def _content_problem(path: Path) -> str | None:
    """What is wrong with the bytes; the seal comes first, as damaged metadata can be anything."""
    try:
        if not is_sealed(path):
            return "its bytes are not those that were committed"
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches():
                batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        return str(error).partition("\n")[0][:200]
    return None


def _record_problem(layout: Layout, path: Path) -> str | None:
    """What is wrong with the record of a data file whose bytes are whole."""
    try:
        footer = read_footer(path).footer
        footer.ledger.check()
        place = layout.place(footer.account_id, footer.name)
    except (DatasetError, UsageError, AssertionError) as error:
        return str(error)
    if footer.parts and (problem := _parts_problem(footer)):
        return problem
    rows = pq.read_metadata(path).num_rows
    if rows != footer.ledger.rows:
        return f"{rows} rows where its ledger says {footer.ledger.rows}"
    if path != place.calls:
        return f"its footer belongs to {place.calls.relative_to(layout.root)}"
    return _rejects_problem(place.rejects, footer)


def _parts_problem(footer: Footer) -> str | None:
    """What is wrong between a folded window and the windows it was folded from."""
    windows = [part.window for part in footer.parts]
    ends = [window.end for window in windows if window]
    starts = [window.start for window in windows if window]
    if [footer.window_start, *ends] != [*starts, footer.window_end]:
        return "its parts are not its window"
    if Ledger.total(part.ledger for part in footer.parts) != footer.ledger:
        return "the ledgers of its parts are not its own"
    if digest_of(footer.parts) != footer.sha256:
        return "its digest is not that of its parts"
    return None


def _rejects_problem(path: Path, footer: Footer) -> str | None:
    """What is wrong between a data file and its rejects; damage to these is a finding of theirs."""
    expected = footer.ledger.rejected_records + footer.ledger.rejected_cells
    listed = 0
    if path.exists():
        if _content_problem(path):
            return None
        if read_footer(path).footer != footer:
            return "the rejects under its name are those of another body"
        listed = pq.read_metadata(path).num_rows
    if listed != expected:
        return f"{listed} rejects on file where its ledger says {expected}"
    return None
