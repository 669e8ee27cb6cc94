"""
Spot logs in a dataset: one Parquet file a log, named by the SHA-256 of what it was read from.

The commit is that of a data file: under a name that no pattern matches, sealed, synced, read back,
renamed, the folder synced. Whoever commits holds the writer's lock.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.dataset.layout import PARTIAL, create_file, make_folder, sync_file, sync_folder
from cdr_engine.dataset.seal import BLANK, SEAL_KEY, seal
from cdr_engine.errors import CommitError, DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from cdr_engine.dataset.layout import Layout

__all__ = ["SPOTS_SCHEMA", "SpotFile", "SpotRecord", "commit_spots", "read_spots"]

SPOTS_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("aired_at", pa.timestamp("ms", "UTC")),
        ("network", pa.string()),
        ("market", pa.string()),
        ("code", pa.string()),
        ("cost", pa.decimal128(18, 4)),
        ("line", pa.int32()),
    ]
)
RECORD_KEY = b"cdr_engine_spots"


class SpotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the footer of a log's file says of it; `airings = rows + known`."""

    format: int = 1
    account_id: str | None
    """Whose calls it is compared with; None is all accounts."""
    time_zone: str | None
    """Zone of its local times; None where its times carry their offset."""
    sha256: str
    """Of the log, as hexadecimal digits."""
    airings: int
    """Lines below the header that are not blank."""
    rows: int
    """Airings of this file."""
    known: int
    """Airings that other logs hold."""
    committed_at: datetime | None = None
    versions: dict[str, str] = {}


class SpotFile(NamedTuple):
    """One committed log."""

    path: Path
    record: SpotRecord


def read_spots(path: Path) -> tuple[SpotFile, Any]:
    """
    Read a committed log: its record, and its airings as a pyarrow.Table.

    Raises
    ------
    DatasetError
        If it is not Parquet, or was not written by this engine.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            text = (file.metadata.metadata or {})[RECORD_KEY]
            table = file.read()
        record = msgspec.json.decode(text, type=SpotRecord)
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as error:
        raise DatasetError(f"{path} is not a spot log of this engine") from error
    return SpotFile(path, record), table


def commit_spots(layout: Layout, record: SpotRecord, table: Any) -> SpotFile:
    """
    Make a log part of the dataset; time and versions are added to its record.

    Raises
    ------
    CommitError
        If anything fails; the dataset is as it was before.
    """
    record = msgspec.structs.replace(
        record,
        committed_at=datetime.now(UTC),
        versions={name: version(name) for name in ("cdr-engine", "pyarrow")},
    )
    target = layout.spots / f"{record.sha256}.parquet"
    working = layout.spots / f".{os.getpid()}-{secrets.token_hex(8)}{PARTIAL}"
    try:
        make_folder(layout.spots)
        try:
            _write(working, record, table)
            _read_back(working, record, table)
            working.rename(target)
            sync_folder(layout.spots)
        finally:
            working.unlink(missing_ok=True)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise CommitError(f"cannot write to {layout.spots}: {reason}") from error
    return SpotFile(target, record)


def _write(path: Path, record: SpotRecord, table: Any) -> None:
    """Write, seal and sync."""
    create_file(path)
    with pq.ParquetWriter(
        path, SPOTS_SCHEMA, compression="zstd", write_page_checksum=True, store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({RECORD_KEY: msgspec.json.encode(record), SEAL_KEY: BLANK})
    seal(path)
    sync_file(path)


def _read_back(path: Path, record: SpotRecord, table: Any) -> None:
    """Prove that what is on disk is what was meant before it gets its name."""
    try:
        found, rows = read_spots(path)
    except DatasetError as error:
        raise OSError(None, str(error)) from error
    if found.record != record or not rows.cast(SPOTS_SCHEMA).equals(table):
        raise OSError(None, "read back another file than was written")
