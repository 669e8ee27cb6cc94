"""What a dataset holds, what is damaged in it, and what was set aside."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cdr_engine.dataset import (
    LISTED_SCHEMA,
    Coverage,
    Finding,
    Layout,
    Repair,
    coverage,
    listed_rejects,
    write_raw,
)
from cdr_engine.dataset import repair as repair_files
from cdr_engine.dataset import verify as verify_files
from cdr_engine.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rejects", "repair", "status", "verify", "write_raw_rejects"]


def status(path: str | Path) -> Coverage:
    """
    Read what a dataset holds from the footers of its data files.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of its data files cannot be read.
    """
    return coverage(_layout(path))


def verify(path: str | Path) -> Iterator[Finding]:
    """
    Check every page, footer and ledger of a dataset; yields what is damaged.

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    return verify_files(_layout(path))


def repair(path: str | Path) -> Repair:
    """
    Remove what interrupted writers left and set damaged files aside, below `damaged/`.

    The result names the windows to export again; the next export of their period finds them
    missing by itself.

    Raises
    ------
    DatasetError
        If there is no such folder.
    DatasetLocked
        If another process writes.
    CommitError
        If the folder does not allow it.
    """
    return repair_files(_layout(path))


def rejects(path: str | Path) -> Any:
    """
    Read what was set aside: records and cells with their place, reason and bytes.

    Returns
    -------
    pyarrow.RecordBatchReader
        One row a reject: account_id, file, record, byte_offset, length, column (NULL where the
        whole record was set aside), reason, raw.

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    import pyarrow as pa

    return pa.RecordBatchReader.from_batches(LISTED_SCHEMA, listed_rejects(_layout(path)))


def write_raw_rejects(path: str | Path, out: IO[bytes]) -> int:
    """
    Write rejected records as they came, under their header; returns how many.

    Raises
    ------
    DatasetError
        If there is no such folder.
    UsageError
        If records of differing headers are there: they make no single file.
    """
    return write_raw(_layout(path), out)


def _layout(path: str | Path) -> Layout:
    root = Path(path)
    if not root.is_dir():
        raise DatasetError(f"there is no dataset at {root}: export or ingest into it first")
    return Layout(root)
