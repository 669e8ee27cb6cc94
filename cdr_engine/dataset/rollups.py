"""
Counts kept beside the data files that they were counted from.

    rollups/KEY/NAME-TOKEN.parquet     rows of one counted view, by data file
    rollups/KEY/rollup.json            which data files were counted, and where their rows are

KEY stands for the meaning: whoever counts by other definitions, or in another zone, has another
folder. Rows carry the number of the data file they were counted from, and the record of that file
tells whether it is still the one: same name, size, digest and moment of commit. So counts of a file
that was replaced, folded or removed are left out, and files that were not counted are known: what
is kept here can be incomplete, never stale.

The commit is that of a data file: under a name that no pattern matches, sealed, synced, renamed;
`rollup.json` last, which is the commit. Tables of the commit before stay for readers that are at
it, and nothing here is ever the only place of anything: all of it may be deleted.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from datetime import datetime
from shutil import rmtree
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cdr_engine.dataset.layout import PARTIAL, create_file, make_folder, sync_file, sync_folder
from cdr_engine.dataset.seal import is_sealed
from cdr_engine.dataset.sealed_table import commit_table, refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cdr_engine.dataset.footer import DataFile
    from cdr_engine.dataset.layout import Layout

__all__ = ["FILE_NUMBER", "Rollup", "commit_rollup", "damaged_rollups", "read_rollup"]

RECORD = "rollup.json"
FORMAT = 1
FILE_NUMBER = "file_number"
"""Column of every table: which data file a row was counted from."""
KEYS_KEPT = 3
"""Meanings that are kept, by when they were last counted."""
ABANDONED_S = 3600
"""Seconds after which a table that no record names belongs to a writer that was killed."""


class _Counted(msgspec.Struct, frozen=True):
    """A data file that was counted."""

    number: int
    size: int
    sha256: str
    committed_at: datetime | None


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    files: dict[str, _Counted]
    """By folder and name."""
    tables: dict[str, str]
    """Counted views, and the names of their files."""
    before: tuple[str, ...] = ()
    """Names of the tables that these took the place of."""


_DECODER = msgspec.json.Decoder(_Record)
"""Made here, before there are threads; see `footer`."""


class Rollup(NamedTuple):
    """The counts that are kept for one meaning, beside the data files that there are now."""

    tables: dict[str, Path]
    """Counted views, and where their rows are."""
    stale: tuple[int, ...]
    """Numbers of files that are not there any more: their rows do not count."""
    counted: dict[int, DataFile]
    """Files whose rows do, by number."""
    uncounted: tuple[DataFile, ...]
    """Files that have no rows."""

    @property
    def n_uncounted_calls(self) -> int:
        """Calls that are not counted."""
        return sum(file.footer.ledger.rows for file in self.uncounted)


def read_rollup(layout: Layout, key: str, files: Iterable[DataFile]) -> Rollup:
    """Return what is counted of these data files; of a damaged or missing record that is none."""
    folder = layout.rollups / key
    record = _read(folder) or _Record(files={}, tables={})
    tables = {name: folder / table for name, table in record.tables.items()}
    if not all(path.exists() for path in tables.values()):
        record, tables = _Record(files={}, tables={}), {}
    counted: dict[int, DataFile] = {}
    uncounted = []
    for file in files:
        its = record.files.get(_name(file.path))
        if its is not None and its == _counted(file, its.number):
            counted[its.number] = file
        else:
            uncounted.append(file)
    stale = sorted({its.number for its in record.files.values()} - counted.keys())
    return Rollup(tables, tuple(stale), counted, tuple(uncounted))


def commit_rollup(
    layout: Layout,
    key: str,
    files: Mapping[int, DataFile],
    tables: Iterable[tuple[str, Any]],
) -> None:
    """
    Put counts in the place of those that were kept before.

    Parameters
    ----------
    files
        Every data file that was counted, by its number.
    tables
        Name and rows of each counted view, a pyarrow.RecordBatchReader with `FILE_NUMBER` among its
        columns; read one after the other.

    Raises
    ------
    CommitError
        If the disk refuses; what was kept before is still there.
    """
    folder = layout.rollups / key
    before = _read(folder)
    names = {}
    with refusals(folder):
        make_folder(folder)
        for name, rows in tables:
            names[name] = f"{name}-{secrets.token_hex(8)}.parquet"
            commit_table(folder / names[name], rows)
        record = _Record(
            files={_name(file.path): _counted(file, number) for number, file in files.items()},
            tables=names,
            before=tuple(before.tables.values()) if before else (),
        )
        working = folder / f".{secrets.token_hex(8)}{PARTIAL}"
        try:
            create_file(working)
            working.write_bytes(msgspec.json.encode(record))
            sync_file(working)
            working.rename(folder / RECORD)
        finally:
            working.unlink(missing_ok=True)
        sync_folder(folder)
    _sweep(layout, folder, {RECORD, *names.values(), *record.before})


def damaged_rollups(layout: Layout) -> list[Path]:
    """Tables whose bytes are not those that were committed."""
    found = []
    for path in sorted(layout.rollups.glob("*/*.parquet")):
        with suppress(FileNotFoundError):
            if not is_sealed(path):
                found.append(path)
    return found


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _counted(file: DataFile, number: int) -> _Counted:
    return _Counted(number, file.size, file.footer.sha256, file.footer.committed_at)


def _read(folder: Path) -> _Record | None:
    try:
        record = _DECODER.decode((folder / RECORD).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return record if record.format == FORMAT else None


def _sweep(layout: Layout, folder: Path, named: set[str]) -> None:
    """Remove what no reader needs: tables before the last, and meanings long not asked for."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name not in named and time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
        records = sorted(layout.rollups.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
        for path in records[:-KEYS_KEPT]:
            rmtree(path.parent, ignore_errors=True)
