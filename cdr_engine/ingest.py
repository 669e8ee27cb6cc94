"""
CSV files that are already here, into a dataset: each whole file once, named by its content.

Files may be read side by side; they are committed one after another, in their order. So what comes
of them is the same with any number of jobs: which of two files keeps a call that both hold, and
that an error in one leaves those before it and none behind it.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from glob import glob
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from cdr_engine.archives import STDIN, Member, members
from cdr_engine.columns import Contract
from cdr_engine.dataset import Layout, coverage, writer_lock
from cdr_engine.errors import DataError, HeaderError, SchemaError, UsageError
from cdr_engine.pipeline import Observer, Origin, Share, load, share_of
from cdr_engine.turns import Stopped, Turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from cdr_engine.archives import FileBody
    from cdr_engine.dataset import DataFile

__all__ = ["IngestSummary", "ingest"]


class IngestSummary(NamedTuple):
    """What became of the reports in the files."""

    files: tuple[DataFile, ...]
    """Committed by this run."""
    known: tuple[str, ...]
    """Names of reports that were left alone: the dataset holds their content already."""


class _Criteria(msgspec.Struct, rename="camel"):
    timezone_name: str | None = None
    account_ids: list[str] = []


class _Request(msgspec.Struct, rename="camel"):
    report_criteria: _Criteria


def ingest(
    paths: Iterable[str | Path],
    dataset: str | Path,
    *,
    time_zone: str | None = None,
    default_time_zone: str | None = None,
    account_id: str | None = None,
    delimiter: bytes | None = None,
    contract: Contract = "evolve",
    jobs: int = 1,
    observer: Observer | None = None,
) -> IngestSummary:
    """
    Load archived reports into a dataset.

    A file with the same content as one that is there is left alone; calls that other files of the
    account hold are left out and counted as duplicates.

    Parameters
    ----------
    paths
        Files, plain or compressed (gzip, bzip2, zstd), zip archives, folders, patterns, or `-` for
        standard input.
    time_zone
        TZ database name of the zone the files were made in. Where it is not given, the request
        that a file answers, beside it as `NAME.request.json`, must tell.
    default_time_zone
        Zone of files that have no such request either.
    account_id
        Whose calls they are; else the request's, if it names one account; else unknown.
    delimiter
        One byte; recognised from each header line where it is not given.
    contract
        What becomes of columns the report does not know: kept as text (`evolve`), an error
        (`freeze`) or left out (`discard`).
    jobs
        Files read side by side. One keeps two cores busy; memory grows by about 20 MB for each.
    observer
        Hears of bytes and rows of all files together.

    Raises
    ------
    UsageError
        If a file is missing, or its zone is unknown; nothing was loaded then.
    DataError
        If a file is not the report; files before it stay.
    DatasetError
        If the folder does not allow it.
    """
    observer = observer or Observer()
    files = [file for path in paths for file in _files(Path(path))]
    origins = [
        _origin(path, time_zone, default_time_zone, account_id)._replace(
            delimiter=delimiter, contract=contract
        )
        for path in files
    ]
    layout = Layout(Path(dataset))
    with writer_lock(layout):
        loads = _Loads(layout, coverage(layout).files, observer, jobs)
        return loads.run(list(_reports(files, origins)))


def _files(path: Path) -> list[Path]:
    """What a path names: a file, standard input, all files below a folder, or a pattern's."""
    if str(path) == STDIN or path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file()]
    elif set(str(path)) & set("*?["):
        found = [Path(name) for name in sorted(glob(str(path), recursive=True))]  # noqa: PTH207  # may be absolute
        found = [file for name in found for file in ([name] if name.is_file() else _files(name))]
    else:
        raise UsageError(f"{path}: there is no such file")
    found = [file for file in found if file.suffix != ".json" and not file.name.startswith(".")]
    if not found:
        raise UsageError(f"{path}: there are no files in it")
    return found


def _request_beside(path: Path) -> Path | None:
    """The request that a file answers: its name, with fewer and fewer suffixes, tells."""
    name = path.name
    while name and str(path) != STDIN:
        beside = path.with_name(f"{name}.request.json")
        if beside.is_file():
            return beside
        name = name.rpartition(".")[0]
    return None


def _origin(
    path: Path, time_zone: str | None, default_time_zone: str | None, account_id: str | None
) -> Origin:
    beside = _request_beside(path)
    if beside is not None:
        try:
            criteria = msgspec.json.decode(beside.read_bytes(), type=_Request).report_criteria
        except msgspec.DecodeError as error:
            raise UsageError(f"{beside} is not a report request: {error}") from error
        time_zone = time_zone or criteria.timezone_name
        if account_id is None and len(criteria.account_ids) == 1:
            (account_id,) = criteria.account_ids
    time_zone = time_zone or default_time_zone
    if time_zone is None:
        raise UsageError(
            f"{path}: in which time zone was it made? pass --time-zone US/Arizona, or put the "
            f"request it answers beside it as {path.name.partition('.')[0]}.request.json"
        )
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path}: time zone {time_zone!r} is not in the TZ database") from error
    return Origin("file", account_id, time_zone)


def _reports(files: list[Path], origins: list[Origin]) -> Iterator[tuple[Member, Origin]]:
    """Every report in the files; one that cannot be looked into says so when it is opened."""
    for path, origin in zip(files, origins, strict=True):
        try:
            found = members(path)
        except DataError as error:
            found = [Member(str(path), None, partial(_refused, error))]
        yield from ((member, origin) for member in found)


def _refused(error: DataError) -> AbstractContextManager[FileBody]:
    raise error


class _Loads:
    """Reports on their way into a dataset, some side by side."""

    def __init__(
        self, layout: Layout, held: Iterable[DataFile], observer: Observer, jobs: int
    ) -> None:
        self._layout = layout
        self._held = list(held)
        self._observer = observer
        self._jobs = jobs
        self._turns = Turns()
        self._done: list[DataFile] = []
        self._known: dict[int, str] = {}
        self._digests: dict[str | None, set[str]] = defaultdict(set)
        for file in self._held:
            self._note(file)

    def run(self, reports: list[tuple[Member, Origin]]) -> IngestSummary:
        """Load all; the first error, in their order, ends it."""
        share = share_of(min(self._jobs, len(reports)))
        heard = _Sum(self._observer, self._turns)
        with ThreadPoolExecutor(self._jobs, "file") as pool:
            loads = [
                pool.submit(self._take, number, *report, share, heard.of(number))
                for number, report in enumerate(reports)
            ]
            try:
                for load_ in loads:
                    load_.result()
            except BaseException:
                self._turns.stop()
                for load_ in loads:
                    load_.cancel()
                raise
        known = (name for _, name in sorted(self._known.items()))
        return IngestSummary(tuple(self._done), tuple(known))

    def _take(
        self, number: int, member: Member, origin: Origin, share: Share, observer: Observer
    ) -> None:
        """One report, from its first byte to the end of its turn."""
        try:
            file = self._load(number, member, origin, share, observer)
        except Stopped:
            raise
        except BaseException:
            # Those before it stay: it fails once they are through.
            with self._turns.turn(number):
                self._turns.stop()
            raise
        if file is None:
            self._known[number] = member.name
        self._turns.passed(number)

    def _load(
        self, number: int, member: Member, origin: Origin, share: Share, observer: Observer
    ) -> DataFile | None:
        """One report to its commit; None where its content is there already."""
        self._turns.check()
        n_done = len(self._done)
        here = [file for file in [*self._held, *self._done[:n_done]] if _is_of(file, origin)]
        digests = self._digests[origin.account_id]
        if member.size is not None and any(_bytes(file) == member.size for file in here):
            # Read it once more than needed, but only where another has the same length.
            with member.open() as body:
                for _ in body:
                    pass
                if body.sha256 in digests:
                    return None

        @contextmanager
        def committing() -> Iterator[Iterable[DataFile]]:
            with self._turns.turn(number):
                yield [file for file in self._done[n_done:] if _is_of(file, origin)]

        try:
            with member.open() as body:
                file = load(
                    body,
                    self._layout,
                    origin,
                    held=here,
                    observer=observer,
                    known=digests,
                    committing=committing,
                    share=share,
                )
        except (HeaderError, SchemaError) as error:
            raise type(error)(f"{member.name}: {error}") from error
        if file is not None:
            self._done.append(file)
            self._note(file)
        return file

    def _note(self, file: DataFile) -> None:
        self._digests[file.footer.account_id].add(file.footer.sha256)


class _Sum:
    """What an observer hears of several loads: the sums of all, one at a time."""

    def __init__(self, observer: Observer, turns: Turns) -> None:
        self.observer = observer
        self.turns = turns
        self.lock = Lock()
        self.heard: dict[int, tuple[int, int]] = {}

    def of(self, number: int) -> Observer:
        """What one load tells."""
        return _Part(self, number)


class _Part(Observer):
    """One load's part of a sum; a load that nobody waits for ends here."""

    def __init__(self, whole: _Sum, number: int) -> None:
        self._whole = whole
        self._number = number

    def advanced(self, body_bytes: int, rows: int) -> None:
        """Tell the sums."""
        whole = self._whole
        whole.turns.check()
        with whole.lock:
            whole.heard[self._number] = body_bytes, rows
            sums = (sum(part) for part in zip(*whole.heard.values(), strict=True))
            whole.observer.advanced(*sums)

    def committed(self, file: DataFile) -> None:
        """Tell it."""
        with self._whole.lock:
            self._whole.observer.committed(file)


def _bytes(file: DataFile) -> int:
    return file.footer.ledger.bytes


def _is_of(file: DataFile, origin: Origin) -> bool:
    return file.footer.account_id == origin.account_id
