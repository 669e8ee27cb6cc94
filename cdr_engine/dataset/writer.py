"""
RecordBatches in, one committed data file out, or nothing.

Strategy. Everything is written under a name that no pattern for data files matches. Commit is:
close, seal, fsync, read back, rename, fsync the folder; the rejects first, the data file last, so
that the data file's rename is the one step that makes a window exist. Whatever fails before it
leaves only temporary names, which are removed here, or under the writer's lock after a crash; what
fails behind it puts back the files that were there. A failed fsync fails the commit: the pages it
could not write are marked clean, and asking again would lie.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdr_engine.dataset.footer import FOOTER_KEY, DataFile, Footer, read_footer
from cdr_engine.dataset.layout import FILE_MODE, PARTIAL, Layout, make_folder, sync_folder
from cdr_engine.dataset.seal import BLANK, SEAL_KEY, seal
from cdr_engine.errors import CommitError, DatasetError
from cdr_engine.schema import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from cdr_engine.dataset.layout import Place
    from cdr_engine.ledger import Reject

__all__ = ["REJECTS_SCHEMA", "DataFileWriter"]

ROW_GROUP_ROWS = 100_000
"""Rows a row group aims at: fewer compress worse, more hold more memory and write no faster."""

HELD_RAW_BYTES = 8 << 20
"""Bytes of rejects held in memory before they are written."""

COMPRESSION = {"compression": "zstd", "compression_level": 1}
DISTINCTIVE = [column.name for column in COLUMNS if column.is_distinctive]
STATISTICS = ["enqueue_time", "cloud_profile_id"]
"""Columns that queries narrow by; statistics on all of them cost a third of the writing."""

REJECTS_SCHEMA = pa.schema(
    [
        ("record", pa.int64()),
        ("byte_offset", pa.int64()),
        ("length", pa.int64()),
        ("column", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
    ]
)


class DataFileWriter:
    """
    Writes one data file and its rejects; leaving the context without `commit` leaves nothing.

    Parameters
    ----------
    layout
        The dataset.
    account_id
        Whose calls they are; None where nobody knows.
    schema
        Of the batches that come.
    row_group_rows
        Rows that a row group aims at, which are held in memory until it is written.

    Raises
    ------
    CommitError
        From every method, if the disk refuses.
    """

    def __init__(
        self,
        layout: Layout,
        account_id: str | None,
        schema: Any,
        row_group_rows: int | None = None,
    ) -> None:
        self._layout = layout
        self._row_group_rows = row_group_rows or ROW_GROUP_ROWS
        self._schema = schema
        self._held: list[Any] = []
        self._held_rows = 0
        self._rejects: list[Reject] = []
        self._held_raw = 0
        self._span: tuple[Any, Any] = (None, None)
        self._has_null = False
        working = layout.place(account_id, f"{os.getpid()}-{secrets.token_hex(8)}")
        self._calls, self._rejected = (path.with_name(f".{path.stem}{PARTIAL}") for path in working)
        self._writers: dict[Path, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Remove what was written and not committed; after a commit that is nothing."""
        for path, writer in self._writers.items():
            try:
                writer.close()
            except (OSError, pa.ArrowException):
                pass  # the file is thrown away whatever is in it
            finally:
                path.unlink(missing_ok=True)

    def write(self, batch: Any) -> None:
        """Append the rows of a batch."""
        if not batch.num_rows:
            return
        self._widen_span(batch.column("enqueue_time"))
        self._held.append(batch)
        self._held_rows += batch.num_rows
        if self._held_rows >= self._row_group_rows:
            self._flush()

    @property
    def span(self) -> tuple[datetime | None, datetime | None, bool]:
        """First and last enqueue_time of the rows so far, and whether any row has none."""
        return *self._span, self._has_null

    def keep(self, kept: Callable[[Any], Any]) -> None:
        """Write all rows so far again, each batch as `kept` returns it."""
        self._flush()
        writer = self._writers.pop(self._calls, None)
        if writer is None:
            return
        before = self._calls.with_name(f"{self._calls.stem}-all{PARTIAL}")
        try:
            writer.close()
            self._calls.rename(before)
            self._span, self._has_null = (None, None), False
            with pq.ParquetFile(before) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group).cast(self._schema)
                    for batch in table.combine_chunks().to_batches():
                        self.write(kept(batch))
        except (OSError, pa.ArrowException) as error:
            raise self._refused(error) from error
        finally:
            before.unlink(missing_ok=True)

    def reject(self, rejects: Iterable[Reject]) -> None:
        """Append rejects, in the order of the body."""
        for reject in rejects:
            self._rejects.append(reject)
            self._held_raw += len(reject.raw)
            if self._held_raw > HELD_RAW_BYTES or len(self._rejects) >= ROW_GROUP_ROWS:
                self._flush_rejects()

    def commit(self, footer: Footer) -> DataFile:
        """
        Make the file part of the dataset; span of the rows, time and versions are added.

        Raises
        ------
        CommitError
            If anything fails; the dataset is as it was before.
        """
        first, last = self._span
        footer = msgspec.structs.replace(
            footer,
            first_enqueued=first,
            last_enqueued=last,
            committed_at=datetime.now(UTC),
            versions={name: version(name) for name in ("cdr-engine", "pyarrow")},
        )
        place = self._layout.place(footer.account_id, footer.name)
        try:
            self._flush()
            self._flush_rejects()
            self._open(self._calls, self._schema)
            for path in self._writers:
                self._finish(path, footer)
            self._read_back(footer)
            with _restoring(place):
                if self._rejected in self._writers:
                    self._rejected.rename(place.rejects)
                    sync_folder(place.rejects.parent)
                self._calls.rename(place.calls)
                sync_folder(place.calls.parent)
                if self._rejected not in self._writers:
                    place.rejects.unlink(missing_ok=True)
            return DataFile(place.calls, footer, place.calls.stat().st_size)
        except (OSError, pa.ArrowException) as error:
            raise self._refused(error) from error

    def _flush(self) -> None:
        if self._held:
            table = pa.Table.from_batches(self._held, self._schema).unify_dictionaries()
            self._held, self._held_rows = [], 0
            self._append(self._calls, table)

    def _flush_rejects(self) -> None:
        if self._rejects:
            columns = [
                [getattr(reject, name) for reject in self._rejects] for name in REJECTS_SCHEMA.names
            ]
            self._rejects, self._held_raw = [], 0
            self._append(self._rejected, pa.table(columns, schema=REJECTS_SCHEMA))

    def _append(self, path: Path, table: Any) -> None:
        try:
            self._open(path, table.schema).write_table(table, row_group_size=max(1, table.num_rows))
        except (OSError, pa.ArrowException) as error:
            raise self._refused(error) from error

    def _open(self, path: Path, schema: Any) -> Any:
        if path not in self._writers:
            make_folder(path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            os.close(os.open(path, flags, FILE_MODE))
            try:
                self._writers[path] = _parquet_writer(path, schema)
            except BaseException:
                path.unlink()
                raise
        return self._writers[path]

    def _finish(self, path: Path, footer: Footer) -> None:
        writer = self._writers[path]
        writer.add_key_value_metadata({FOOTER_KEY: footer.encode(), SEAL_KEY: BLANK})
        writer.close()
        seal(path)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read_back(self, footer: Footer) -> None:
        """Prove that what is on disk is what was meant before it gets its name."""
        try:
            found = read_footer(self._calls).footer
        except DatasetError as error:
            raise OSError(None, str(error)) from error
        rows = pq.read_metadata(self._calls).num_rows
        names = pq.read_schema(self._calls).names
        if (
            found.encode() != footer.encode()
            or rows != footer.ledger.rows
            or names != self._schema.names
        ):
            raise OSError(None, f"read back another file than was written ({rows} rows)")

    def _widen_span(self, times: Any) -> None:
        bounds = pc.min_max(times).as_py()
        self._has_null |= times.null_count > 0
        if bounds["min"] is not None:
            first, last = self._span
            self._span = (
                bounds["min"] if first is None else min(first, bounds["min"]),
                bounds["max"] if last is None else max(last, bounds["max"]),
            )

    def _refused(self, error: Exception) -> CommitError:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        return CommitError(f"cannot write to {self._calls.parent}: {reason}; nothing was committed")


def _parquet_writer(path: Path, schema: Any) -> Any:
    return pq.ParquetWriter(
        path,
        schema,
        use_dictionary=[name for name in schema.names if name not in DISTINCTIVE],
        write_statistics=[name for name in schema.names if name in STATISTICS],
        write_page_checksum=True,
        store_schema=False,
        **COMPRESSION,
    )


@contextmanager
def _restoring(place: Place) -> Iterator[None]:
    """Put back the files that a commit replaces if it fails between its renames and their sync."""
    before: dict[Path, Path] = {}
    try:
        for path in place:
            if path.exists():
                before[path] = path.with_name(f".{path.stem}-before{PARTIAL}")
                _keep(path, before[path])
        try:
            yield
        except BaseException:
            for path in reversed(place):
                if path in before:
                    before[path].rename(path)
                else:
                    path.unlink(missing_ok=True)
            raise
    finally:
        for kept in before.values():
            kept.unlink(missing_ok=True)


def _keep(path: Path, under: Path) -> None:
    """Give a file a second name; a copy where the file system has no hard links."""
    under.unlink(missing_ok=True)
    try:
        under.hardlink_to(path)
    except OSError:
        shutil.copy2(path, under)
