"""
Many small data files of one account folded into few, none of whose calls is ever there twice.

Strategy. A second folder of the account is made beside the dataset's files: the folded files are
written into it, all others are linked into it. Then the two folders exchange their names in one
step of the file system (`renameat2` with RENAME_EXCHANGE, on macOS `renamex_np`): whoever lists
the account's folder before finds the old files, whoever lists it after finds the new ones, and a
process killed anywhere leaves one or the other. The old folder is removed a moment later.

What cannot be had, as no listing is one step: a reader that listed the old files and opens one of
them after the exchange is told that it is not there any more, and has to ask again. DuckDB looks at
each name again while it lists; one that is in the middle of that in the very moment of the exchange
takes the folded files for deleted, and misses them. The engine's own readers look whether a folder
was exchanged while they read, and refuse. Other tools should not read while this runs, if they
cannot ask twice.

What is folded: windows that follow each other without a gap, within one calendar month of their
reports' zone that is over and has settled, asked for alike, with the same columns, and without
rejects, whose places are counted in the body they came from. The folded file's footer keeps the
footers of its parts.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.dataset.coverage import coverage
from cdr_engine.dataset.footer import Footer, digest_of
from cdr_engine.dataset.layout import FOLDING, Layout, make_folder, remove_folding, sync_folder
from cdr_engine.dataset.lock import writer_lock
from cdr_engine.dataset.seal import is_sealed
from cdr_engine.dataset.writer import DataFileWriter
from cdr_engine.errors import CommitError, DamagedDataset
from cdr_engine.ledger import Ledger
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from cdr_engine.dataset.coverage import AccountCoverage
    from cdr_engine.dataset.footer import DataFile

__all__ = ["Fold", "fold", "folds"]

MOST_BYTES = 300_000_000
"""Body that a folded window comes from at most: it can still be fetched again as one report."""

GRACE_S = 1.0
"""How long old folders stay for readers that are listing one at the moment of the exchange."""

EXCHANGE = 2
"""RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS."""

AT_FDCWD = -100

ASKED = ("group_by", "selection")
"""Keys of a request that say which calls were asked for, whatever the period."""

TEXT = pa.dictionary(pa.int32(), pa.string())


class Fold(NamedTuple):
    """Windows of one account that become one."""

    account_id: str
    window: Window
    files: tuple[DataFile, ...]
    """By window, without a gap."""


def folds(held: AccountCoverage, now: datetime, settling: timedelta) -> list[Fold]:
    """What of an account can be folded, by window; see above."""
    if held.account_id is None:
        return []
    ready = sorted(
        (window.start, file)
        for file in held.files
        if (window := file.footer.window) and _is_ready(file.footer, now, settling)
    )
    found = []
    for run in _runs(file for _, file in ready):
        if len(run) > 1:
            window = Window(_window(run[0]).start, _window(run[-1]).end)
            found.append(Fold(held.account_id, window, tuple(run)))
    return found


def fold(
    layout: Layout, now: datetime, settling: timedelta, accounts: Sequence[str] = ()
) -> Iterator[Fold]:
    """
    Fold what can be folded, account by account, under the writer's lock; yields what was.

    Raises
    ------
    DatasetLocked
        If another process writes.
    DamagedDataset
        If a file that would be folded is not what was committed.
    CommitError
        If the disk refuses, or its file system cannot exchange two folders.
    """
    with writer_lock(layout), _beside(layout):
        for held in coverage(layout).accounts:
            found = folds(held, now, settling)
            if found and (not accounts or held.account_id in accounts):
                try:
                    _fold_account(layout, found)
                except OSError as error:
                    reason = error.strerror or error
                    raise CommitError(
                        f"cannot fold account {held.account_id} in {layout.root}: {reason}; no "
                        "call is lost"
                    ) from error
                yield from found


@contextmanager
def _beside(layout: Layout) -> Iterator[None]:
    """Remove in the end what stands beside the files; what cannot be, the next writer removes."""
    try:
        yield
    finally:
        with suppress(OSError):
            old = sorted(Layout(layout.root / FOLDING).data_files())
            if old:
                time.sleep(GRACE_S)
            # Links first: who is still listing meets a folded name, and is refused, not misled.
            for path in old:
                if (layout.calls / path.parent.name / path.name).exists():
                    path.unlink()
            remove_folding(layout)


def _is_ready(footer: Footer, now: datetime, settling: timedelta) -> bool:
    """Tell whether a window lies in a month that is over, has settled and has no rejects."""
    window, zone = footer.window, ZoneInfo(footer.time_zone)
    if window is None or not footer.has_settled(settling):
        return False
    if footer.ledger.rejected_records or footer.ledger.rejected_cells:
        return False
    following = _next_month(window.start, zone)
    return window.end <= following and following + settling <= now


def _next_month(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first midnight of the month after a moment's own, by the clock of a zone."""
    local = moment.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month, 12)
    return datetime(year, month + 1, 1, tzinfo=zone)


def _runs(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    """Files, by window, as runs that belong together and are not too large."""
    run: list[DataFile] = []
    weight = 0
    for file in files:
        weight += file.footer.ledger.bytes
        if run and (not _follows(run[-1], file) or weight > MOST_BYTES):
            yield run
            run, weight = [], file.footer.ledger.bytes
        run.append(file)
    if run:
        yield run


def _follows(one: DataFile, other: DataFile) -> bool:
    return _window(one).end == _window(other).start and _kind(one) == _kind(other)


def _kind(file: DataFile) -> tuple[Any, ...]:
    """What has to be the same in all parts of a fold."""
    footer = file.footer
    local = _window(file).start.astimezone(ZoneInfo(footer.time_zone))
    columns = footer.columns, footer.delimiter, footer.unknown_columns
    return local.year, local.month, footer.time_zone, columns, _asked(footer)


def _asked(footer: Footer) -> dict[str, Any]:
    """What was asked for besides a period."""
    return {key: footer.request[key] for key in ASKED if key in footer.request}


def _window(file: DataFile) -> Window:
    window = file.footer.window
    assert window is not None, "only windows are folded"
    return window


def _fold_account(layout: Layout, found: Sequence[Fold]) -> None:
    """Make the account's new folder and exchange it for the one that is there."""
    account_id = found[0].account_id
    beside = Layout(layout.root / FOLDING)
    for one in found:
        _write(beside, one)
    live, new = (each.place(account_id, "-").calls.parent for each in (layout, beside))
    gone = {file.path for one in found for file in one.files}
    for path in sorted(live.glob("*.parquet")):
        if path not in gone:
            (new / path.name).hardlink_to(path)
    sync_folder(new)
    _exchange(live, new)
    sync_folder(live.parent)
    sync_folder(new.parent)


def _write(layout: Layout, one: Fold) -> None:
    """Write the calls of all parts as one data file, each part checked before."""
    footers = [file.footer for file in one.files]
    parts = tuple(part for footer in footers for part in footer.parts or (footer,))
    footer = Footer(
        source="report",
        account_id=one.account_id,
        time_zone=footers[0].time_zone,
        sha256=digest_of(parts),
        ledger=Ledger.total(footer.ledger for footer in footers),
        window_start=one.window.start,
        window_end=one.window.end,
        request=_asked(footers[0]),
        proof="parts",
        columns=footers[0].columns,
        delimiter=footers[0].delimiter,
        missing_columns=tuple(sorted({n for each in footers for n in each.missing_columns})),
        unknown_columns=footers[0].unknown_columns,
        parts=parts,
    )
    schema = _schema(one.files[0].path)
    make_folder(layout.place(one.account_id, "-").calls.parent)
    with DataFileWriter(layout, one.account_id, schema) as writer:
        for batch in itertools.chain.from_iterable(_batches(file, schema) for file in one.files):
            writer.write(batch)
        writer.commit(footer)


def _schema(path: Path) -> Any:
    """Columns as the writer takes them: text by dictionary."""
    plain = pq.read_schema(path).remove_metadata()
    return pa.schema(
        pa.field(field.name, TEXT if field.type == pa.string() else field.type) for field in plain
    )


def _batches(file: DataFile, schema: Any) -> Iterator[Any]:
    try:
        if not is_sealed(file.path):
            raise DamagedDataset(f"{file.path} is damaged: run cdr verify")
        texts = [field.name for field in schema if field.type == TEXT]
        with pq.ParquetFile(
            file.path, read_dictionary=texts, page_checksum_verification=True
        ) as opened:
            for batch in opened.iter_batches():
                yield batch.select(schema.names).cast(schema)
    except (pa.ArrowException, OSError) as error:
        raise DamagedDataset(f"{file.path} cannot be read: {error}") from error


def _exchange(one: Path, other: Path) -> None:
    """Let two folders take each other's name in one step."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):
        result = library.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], EXCHANGE)
    elif hasattr(library, "renamex_np"):
        result = library.renamex_np(names[0], names[1], EXCHANGE)
    else:
        raise OSError(None, "this system cannot exchange two folders in one step")
    if result:
        number = ctypes.get_errno()
        reason = f"the file system cannot exchange two folders ({os.strerror(number)})"
        raise OSError(None, reason)
