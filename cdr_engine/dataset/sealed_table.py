"""A Parquet file of rows that DuckDB worked out: in row groups, with a checksum, on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.dataset.layout import create_file, sync_file
from cdr_engine.dataset.seal import BLANK, SEAL_KEY, seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["write_sealed"]

ROW_GROUP_ROWS = 60_000
"""Few enough that a month of years is found by the statistics of row groups."""


def write_sealed(path: Path, rows: Any) -> None:
    """
    Write the batches of a pyarrow.RecordBatchReader, seal the file and sync it.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the disk refuses, or the rows cannot be worked out.
    """
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
