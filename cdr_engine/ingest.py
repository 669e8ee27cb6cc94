"""CSV files that are already here, into a dataset: each whole file once, named by its content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from zoneinfo import ZoneInfo

import msgspec

from cdr_engine.dataset import Layout, coverage, writer_lock
from cdr_engine.errors import DataError, HeaderError, UsageError
from cdr_engine.pipeline import Observer, Origin, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from cdr_engine.dataset import Coverage, DataFile

__all__ = ["IngestSummary", "ingest"]

CHUNK_BYTES = 1 << 20


class IngestSummary(NamedTuple):
    """What became of the files."""

    files: tuple[DataFile, ...]
    """Committed by this run."""
    known: tuple[Path, ...]
    """Left alone: the dataset holds their content already."""


class _Criteria(msgspec.Struct, rename="camel"):
    timezone_name: str | None = None
    account_ids: list[str] = []


class _Request(msgspec.Struct, rename="camel"):
    report_criteria: _Criteria


class ArchivedFile:
    """A file as a body: its chunks, and the SHA-256 of what was read."""

    proof = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise self._unreadable(error) from error
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._read():
            self._digest.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        """Of the bytes so far, as hexadecimal digits."""
        return self._digest.hexdigest()

    def _read(self) -> bytes | None:
        try:
            return self._file.read(CHUNK_BYTES)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(f"{self._path} cannot be read: {error.strerror}")


def ingest(
    paths: Iterable[str | Path],
    dataset: str | Path,
    *,
    time_zone: str | None = None,
    default_time_zone: str | None = None,
    account_id: str | None = None,
    observer: Observer | None = None,
) -> IngestSummary:
    """
    Load archived reports into a dataset.

    A file with the same content as one that is there is left alone; calls that other files of the
    account hold are left out and counted as duplicates.

    Parameters
    ----------
    time_zone
        TZ database name of the zone the files were made in. Where it is not given, the request
        that a file answers, beside it as `NAME.request.json`, must tell.
    default_time_zone
        Zone of files that have no such request either.
    account_id
        Whose calls they are; else the request's, if it names one account; else unknown.

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
    files = [Path(path) for path in paths]
    origins = [_origin(path, time_zone, default_time_zone, account_id) for path in files]
    layout = Layout(Path(dataset))
    done: list[DataFile] = []
    known: list[Path] = []
    with writer_lock(layout):
        held = coverage(layout)
        for path, origin in zip(files, origins, strict=True):
            loaded = _load(path, origin, layout, held, done, observer)
            if loaded is None:
                known.append(path)
            else:
                done.append(loaded)
    return IngestSummary(tuple(done), tuple(known))


def _origin(
    path: Path, time_zone: str | None, default_time_zone: str | None, account_id: str | None
) -> Origin:
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name the files in it")
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    beside = path.with_name(f"{path.stem}.request.json")
    if beside.is_file():
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
            f"request it answers beside it as {beside.name}"
        )
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path}: time zone {time_zone!r} is not in the TZ database") from error
    return Origin("file", account_id, time_zone)


def _load(
    path: Path,
    origin: Origin,
    layout: Layout,
    held: Coverage,
    done: Sequence[DataFile],
    observer: Observer,
) -> DataFile | None:
    """One file, from its first byte to the commit; None where its content is there already."""
    here = [*held.of(origin.account_id).files, *_of(done, origin.account_id)]
    if _is_known(path, here):
        return None
    try:
        with ArchivedFile(path) as body:
            return load(body, layout, origin, held=here, observer=observer)
    except HeaderError as error:
        raise HeaderError(f"{path}: {error}") from error


def _of(files: Iterable[DataFile], account_id: str | None) -> list[DataFile]:
    return [file for file in files if file.footer.account_id == account_id]


def _is_known(path: Path, here: Iterable[DataFile]) -> bool:
    """Compare content, but only with files of the same length: hashing twice costs a pass."""
    size = path.stat().st_size
    digests = {f.footer.sha256 for f in here if f.footer.ledger.bytes == size}
    if not digests:
        return False
    with ArchivedFile(path) as chunks:
        for _ in chunks:
            pass
        return chunks.sha256 in digests
