"""CSV files that are already here, into a dataset: each whole file once, named by its content."""

from __future__ import annotations

from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from cdr_engine.archives import STDIN, Member, members
from cdr_engine.columns import Contract
from cdr_engine.dataset import Layout, coverage, writer_lock
from cdr_engine.errors import HeaderError, SchemaError, UsageError
from cdr_engine.pipeline import Observer, Origin, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    done: list[DataFile] = []
    known: list[str] = []
    with writer_lock(layout):
        held = coverage(layout)
        for path, origin in zip(files, origins, strict=True):
            for member in members(path):
                here = [file for file in [*held.files, *done] if _is_of(file, origin)]
                loaded = _load(member, origin, layout, here, observer)
                if loaded is None:
                    known.append(member.name)
                else:
                    done.append(loaded)
    return IngestSummary(tuple(done), tuple(known))


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


def _load(
    member: Member,
    origin: Origin,
    layout: Layout,
    here: Sequence[DataFile],
    observer: Observer,
) -> DataFile | None:
    """One report, from its first byte to the commit; None where its content is there already."""
    known = {file.footer.sha256: file.footer.ledger.bytes for file in here}
    if member.size is not None and member.size in known.values():
        # Read it once more than needed, but only where another has the same length.
        with member.open() as body:
            for _ in body:
                pass
            if body.sha256 in known:
                return None
    try:
        with member.open() as body:
            return load(body, layout, origin, held=here, observer=observer, known=known)
    except (HeaderError, SchemaError) as error:
        raise type(error)(f"{member.name}: {error}") from error


def _is_of(file: DataFile, origin: Origin) -> bool:
    return file.footer.account_id == origin.account_id
