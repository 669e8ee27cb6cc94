"""
RecordBatches in, one committed data file out, or nothing.

Strategy. Everything is written under a name that no pattern for data files matches. Commit is:
close, seal, fsync, read back, rename, fsync the folder; the rejects first, the data file last, so
that the data file's rename is the one step that makes a window exist. Whatever fails before it
leaves only temporary names, which are removed here, or under the writer's lock after a crash; what
fails behind it puts back the files that were there, and a crash between the renames is put right
under the next lock (see `recovery`). A failed fsync fails the commit: the pages it could not write
are marked clean, and asking again would lie.
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

from cdr_engine.dataset.behind import Behind
from cdr_engine.dataset.footer import FOOTER_KEY, DataFile, Footer, read_footer
from cdr_engine.dataset.layout import (
    PARTIAL,
    Layout,
    create_file,
    make_folder,
    sync_file,
    sync_folder,
)
from cdr_engine.dataset.seal import BLANK, SEAL_KEY, seal
from cdr_engine.errors import CommitError, DatasetError
from cdr_engine.rejected import REJECTS_SCHEMA
from cdr_engine.schema import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from cdr_engine.dataset.layout import Place

__all__ = ["DataFileWriter"]

ROW_GROUP_ROWS = 80_000
"""Rows a row group aims at: fewer compress worse, more hold more memory and write no faster."""

HELD_RAW_BYTES = 8 << 20
"""Bytes of rejects held in memory before they are written."""

COMPRESSION = {"compression": "zstd", "compression_level": 1}
TEXT = pa.dictionary(pa.int32(), pa.string())
DISTINCTIVE = [column.name for column in COLUMNS if column.is_distinctive]
STATISTICS = ["enqueue_time", "cloud_profile_id"]
"""Columns that queries narrow by; statistics on all of them cost a third of the writing."""


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
    is_alone
        No other writer works beside this one: a row group is written by a thread of its own while
        the next is put together, which takes the memory of another.

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
        *,
        is_alone: bool = True,
    ) -> None:
        self._layout = layout
        self._row_group_rows = row_group_rows or ROW_GROUP_ROWS
        self._schema = schema
        self._held: list[Any] = []
        self._held_rows = 0
        self._rejects: list[Any] = []
        self._held_rejects = 0
        self._held_raw = 0
        self.span: tuple[Any, Any, bool] = (None, None, False)
        """First and last enqueue_time of what was written, and whether a call has none."""
        working = layout.place(account_id, f"{os.getpid()}-{secrets.token_hex(8)}")
        self._calls, self._rejected = (path.with_name(f".{path.stem}{PARTIAL}") for path in working)
        self._writers: dict[Path, Any] = {}
        self._is_alone = is_alone
        self._behind = Behind()

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
        self._behind.close()
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
            self._flush(now=not self._is_alone)

    def reject(self, rejects: Any) -> None:
        """Append rejects, as `rejected.carried` makes them, in the order of the body."""
        if not rejects.num_rows:
            return
        self._rejects.append(rejects)
        self._held_rejects += rejects.num_rows
        self._held_raw += pc.sum(pc.binary_length(rejects.column("raw"))).as_py()
        if self._held_raw > HELD_RAW_BYTES or self._held_rejects >= ROW_GROUP_ROWS:
            self._flush_rejects()

    def keep(self, kept: Callable[[Any], Any]) -> None:
        """Write again what was written so far, each batch as a function returns it."""
        self._flush()
        self.span = None, None, False
        written = self._calls
        writer = self._writers.pop(written, None)
        if writer is None:
            return
        try:
            writer.close()
            self._calls = written.with_name(f".{secrets.token_hex(8)}{PARTIAL}")
            texts = [name for name in self._schema.names if self._schema.field(name).type == TEXT]
            with pq.ParquetFile(written, read_dictionary=texts) as file:
                for batch in file.iter_batches():
                    self.write(kept(batch.cast(self._schema)))
        except (OSError, pa.ArrowException) as error:
            raise self._refused(error) from error
        finally:
            written.unlink(missing_ok=True)

    def commit(self, footer: Footer) -> DataFile:
        """
        Make the file part of the dataset; span of the rows, time and versions are added.

        Raises
        ------
        CommitError
            If anything fails; the dataset is as it was before.
        """
        first, last, _ = self.span
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
            with self._restoring(place):
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

    def _flush(self, *, now: bool = True) -> None:
        """Write what is held: before this returns, or before the next call does."""
        self._behind.settle()
        held, self._held, self._held_rows = self._held, [], 0
        if held and now:
            self._append_batches(held)
        elif held:
            self._behind.call(self._append_batches, held)

    def _append_batches(self, batches: list[Any]) -> None:
        """Write a row group, all its batches with one dictionary a column."""
        table = pa.Table.from_batches(batches, self._schema).unify_dictionaries()
        self._append(self._calls, table)

    def _flush_rejects(self) -> None:
        if self._rejects:
            table = pa.Table.from_batches(self._rejects).cast(REJECTS_SCHEMA)
            self._rejects, self._held_rejects, self._held_raw = [], 0, 0
            self._append(self._rejected, table)

    def _append(self, path: Path, table: Any) -> None:
        try:
            self._open(path, table.schema).write_table(table, row_group_size=max(1, table.num_rows))
        except (OSError, pa.ArrowException) as error:
            raise self._refused(error) from error

    def _open(self, path: Path, schema: Any) -> Any:
        if path not in self._writers:
            make_folder(path.parent)
            create_file(path)
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
        sync_file(path)

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

    @contextmanager
    def _restoring(self, place: Place) -> Iterator[None]:
        """Put back the files that a commit replaces if it fails; see `recovery` on the order."""
        before = {path: self._layout.kept(path) for path in place if path.exists()}
        try:
            for path, kept in before.items():
                _keep(path, kept)
            if before:
                sync_folder(place.calls.parent)
        except BaseException:
            _forget(before)
            raise
        try:
            yield
        except BaseException:
            for path in place:
                _put_back(path, before.get(path))
            _forget(before)
            raise
        _forget(before)

    def _widen_span(self, times: Any) -> None:
        first, last, has_null = self.span
        bounds = pc.min_max(times).as_py()
        if bounds["min"] is not None:
            first = bounds["min"] if first is None else min(first, bounds["min"])
            last = bounds["max"] if last is None else max(last, bounds["max"])
        self.span = first, last, has_null or times.null_count > 0

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


def _keep(path: Path, under: Path) -> None:
    """Give a file a second name; a copy where the file system has no hard links."""
    under.unlink(missing_ok=True)
    try:
        under.hardlink_to(path)
    except OSError:
        shutil.copy2(path, under)


def _put_back(path: Path, kept: Path | None) -> None:
    """Give a name back to the file that had it; the file's second name stays."""
    if kept is None:
        path.unlink(missing_ok=True)
    elif not path.samefile(kept):
        again = kept.with_name(f".again-{kept.name}")
        _keep(kept, again)
        again.rename(path)


def _forget(before: dict[Path, Path]) -> None:
    """Remove second names; what cannot be restored keeps them, for the next writer to see."""
    for kept in reversed(before.values()):
        kept.unlink(missing_ok=True)
