"""The commit of rows that DuckDB worked out: a Parquet file in row groups, sealed, renamed."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.dataset.layout import PARTIAL, create_file, sync_file
from cdr_engine.dataset.seal import BLANK, SEAL_KEY, seal
from cdr_engine.errors import CommitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["commit_table", "refusals"]

ROW_GROUP_ROWS = 60_000
"""Few enough that a month of years is found by the statistics of row groups."""


def commit_table(path: Path, rows: Any, is_current: Callable[[], bool] = lambda: True) -> bool:
    """
    Write the batches of a pyarrow.RecordBatchReader under a name that no reader knows, then rename.

    Returns
    -------
    bool
        Whether it was renamed: not if, once it is written, it is not current any more.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the disk refuses, or the rows cannot be worked out.
    """
    working = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{PARTIAL}")
    try:
        _write(working, rows)
        if not is_current():
            return False
        working.rename(path)
        return True
    finally:
        working.unlink(missing_ok=True)


@contextmanager
def refusals(folder: Path) -> Iterator[None]:
    """What a disk refuses here is a CommitError."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise CommitError(f"cannot write to {folder}: {reason}; no call is lost") from error


def _write(path: Path, rows: Any) -> None:
    """Write, seal and sync."""
    create_file(path)
    with pq.ParquetWriter(
        path, rows.schema, compression="zstd", write_page_checksum=True, store_schema=False
    ) as writer:
        for table in _grouped(rows):
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        writer.add_key_value_metadata({SEAL_KEY: BLANK})
    seal(path)
    sync_file(path)


def _grouped(rows: Any) -> Iterator[Any]:
    """The same rows, a row group at a time."""
    held: list[Any] = []
    n_held = 0
    for batch in rows:
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, ROW_GROUP_ROWS - n_held)
            held.append(piece)
            n_held += piece.num_rows
            at += piece.num_rows
            if n_held == ROW_GROUP_ROWS:
                yield pa.Table.from_batches(held)
                held, n_held = [], 0
    if held:
        yield pa.Table.from_batches(held)
