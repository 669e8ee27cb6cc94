"""
Spot logs into a dataset: when which advertisement was aired, and what it cost.

Strategy. A log is small and made by hand, so it is read whole and taken whole: a line that cannot
be read is an error that names line and column, and nothing is loaded. To leave a line out would
make the calls of its airing look as if nobody had paid for them.

Airings that another log holds are left out and counted, so logs may overlap as a buyer's weekly
lists do. Two equal lines of one log are two airings.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from cdr_engine.columns import Clock
from cdr_engine.dataset import (
    SPOTS_SCHEMA,
    Layout,
    SpotFile,
    SpotRecord,
    commit_spots,
    read_spots,
    writer_lock,
)
from cdr_engine.errors import DataError, HeaderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["SpotSummary", "ingest_spots"]

NAMES: dict[str, tuple[str, ...]] = {
    "date": ("date", "air_date", "airdate", "aired_on"),
    "time": ("time", "aired_at", "air_time", "airtime", "aired", "datetime", "date_time",
             "air_date_time", "timestamp"),
    "network": ("network", "station", "channel", "media_network"),
    "market": ("market", "dma", "media_market", "smedia_market"),
    "code": ("code", "media_code"),
    "cost": ("cost", "price", "spend", "spot_cost"),
}  # fmt: skip
"""Columns of a log and the names they go by: lower case, other characters as underscores."""

REQUIRED = ("time", "code")
DELIMITERS = (",", ";", "\t", "|")

COST = re.compile(r"[$€£]? ?([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(\.[0-9]{1,4})?")
LARGEST_COST = Decimal(10) ** 14
OFFSET = re.compile(r".*:[0-9.]+ ?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})")
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ Tt]")
LISTED = 20
"""Bad lines that an error lists."""


class SpotSummary(NamedTuple):
    """What became of a spot log."""

    file: SpotFile
    """Where it is in the dataset."""
    is_new: bool
    """False where the dataset held the same content already, so nothing was written."""
    ignored_columns: tuple[str, ...]
    """Columns that were not read."""
    missing_columns: tuple[str, ...]
    """Columns that are NULL for want of them."""
    n_ambiguous: int
    """Local times that occur twice; the earlier instant was taken."""
    n_skipped: int
    """Local times that the clocks skipped; moved forward."""


class _Airing(NamedTuple):
    """An airing as the log has it."""

    line: int
    time: str
    network: str | None
    market: str | None
    code: str
    cost: Decimal | None


class _Log(NamedTuple):
    """A log, read."""

    airings: list[_Airing]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]


def ingest_spots(
    path: str | Path,
    dataset: str | Path,
    *,
    time_zone: str | None = None,
    account_id: str | None = None,
) -> SpotSummary:
    """
    Load a spot log: CSV with the columns time (or date and time), code, network, market and cost.

    The last three may be missing. Times are `2026-11-01 18:29` or `11/1/26 6:29 PM`, with or
    without seconds, the first also with an offset.

    Parameters
    ----------
    time_zone
        TZ database name of the zone of times without an offset.
    account_id
        Whose calls the airings are compared with; by default those of all accounts.

    Raises
    ------
    UsageError
        If there is no such file, its times need a zone, or it is there for another account or zone.
    DataError
        If a line cannot be read; nothing was loaded.
    DatasetError
        If the folder does not allow it.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    body = path.read_bytes()
    log = _read(body, path)
    instants, n_ambiguous, n_skipped = _instants(log.airings, time_zone, path)
    zone = time_zone if any(map(_is_local, log.airings)) else None
    layout = Layout(Path(dataset))
    layout.place(account_id, "spots")
    sha256 = hashlib.sha256(body).hexdigest()
    with writer_lock(layout):
        held = [read_spots(file) for file in layout.spot_files()]
        found = next((file for file, _ in held if file.record.sha256 == sha256), None)
        if found is None:
            table = _table(log.airings, instants, account_id)
            new = _without_known(table, [rows for _, rows in held], path)
            record = SpotRecord(
                account_id=account_id,
                time_zone=zone,
                sha256=sha256,
                airings=table.num_rows,
                rows=new.num_rows,
                known=table.num_rows - new.num_rows,
            )
            file = commit_spots(layout, record, new)
        else:
            file = _same(found, account_id, zone, path)
    return SpotSummary(file, found is None, log.ignored, log.missing, n_ambiguous, n_skipped)


def _same(file: SpotFile, account_id: str | None, time_zone: str | None, path: Path) -> SpotFile:
    """The log that is there, if it was meant the same way."""
    if (file.record.account_id, file.record.time_zone) != (account_id, time_zone):
        raise UsageError(
            f"{path}: its content is in the dataset for account {file.record.account_id or 'all'}, "
            f"time zone {file.record.time_zone or 'of its offsets'}: remove {file.path} first"
        )
    return file


def _read(body: bytes, path: Path) -> _Log:
    """The airings of a log; DataError lists all lines that cannot be read."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8: save the log as CSV UTF-8") from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    lines = _records(text, delimiter, path)
    header = next(lines, (1, []))[1]
    places, ignored = _places(header, path)
    airings: list[_Airing] = []
    faults: list[str] = []
    for number, cells in lines:
        if len(cells) != len(header):
            faults.append(f"line {number} has {len(cells)} cells, the header {len(header)}")
            continue
        airing, found = _airing(number, {name: cells[at].strip() for name, at in places.items()})
        faults += found
        airings.append(airing)
    if faults:
        raise _unreadable(faults, path)
    missing = tuple(name for name in ("network", "market", "cost") if name not in places)
    return _Log(airings, ignored, missing)


def _unreadable(faults: list[str], path: Path) -> DataError:
    more = f"; and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
    listed = "; ".join(faults[:LISTED])
    return DataError(f"{path}: nothing was loaded: {listed}{more}")


def _records(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, each with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: line {number} is no CSV: {error}") from error


def _places(header: list[str], path: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    """Where the columns stand, and the names of those that are not read."""
    places: dict[str, int] = {}
    ignored = []
    for at, text in enumerate(header):
        plain = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
        name = next((name for name, aliases in NAMES.items() if plain in aliases), None)
        if name is None:
            ignored.append(text.strip())
        elif name in places:
            raise HeaderError(f"{path}: two columns are the {name}: {header[places[name]]}, {text}")
        else:
            places[name] = at
    for name in REQUIRED:
        if name not in places:
            known = ", ".join(NAMES[name])
            raise HeaderError(f"{path}: no column is the {name}: call it {known}")
    return places, tuple(ignored)


def _airing(line: int, cells: dict[str, str]) -> tuple[_Airing, list[str]]:
    """An airing, and what is wrong with its cells."""
    faults = []
    time = " ".join(part for part in (cells.get("date"), cells["time"]) if part)
    if not time:
        faults.append(f"line {line}, time: it is empty")
    if not cells["code"]:
        faults.append(f"line {line}, code: it is empty; calls are found by it")
    cost = None
    if text := cells.get("cost"):
        cost = _cost(text)
        if cost is None:
            faults.append(
                f"line {line}, cost: write an amount such as 1250.00, four decimals at most"
            )
    airing = _Airing(
        line, time, cells.get("network") or None, cells.get("market") or None, cells["code"], cost
    )
    return airing, faults


def _cost(text: str) -> Decimal | None:
    if not COST.fullmatch(text):
        return None
    cost = Decimal(re.sub(r"[^0-9.]", "", text))
    return cost if cost < LARGEST_COST else None


def _instants(
    airings: list[_Airing], time_zone: str | None, path: Path
) -> tuple[list[int], int, int]:
    """Milliseconds since 1970, and how many local times were ambiguous or skipped."""
    clock = None
    if time_zone is not None:
        try:
            clock = Clock(time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise UsageError(f"time zone {time_zone!r} is not in the TZ database") from error
    local = [airing for airing in airings if _is_local(airing)]
    if local and clock is None:
        raise UsageError(
            f"{path}: line {local[0].line} has a local time: pass --time-zone US/Eastern, or "
            "write times with their offset"
        )
    read = {airing.line: _with_offset(airing.time) for airing in airings}
    n_ambiguous = n_skipped = 0
    if clock is not None:
        found = clock.instants([_report_time(airing.time) for airing in local])
        read |= {airing.line: at for airing, at in zip(local, found.values, strict=True)}
        n_ambiguous, n_skipped = len(found.ambiguous), len(found.missing)
    values = [(line, at) for line, at in read.items() if at is not None]
    if len(values) < len(read):
        faults = [
            f"line {line}, time: write 2026-11-01 18:29 or 11/1/26 6:29 PM"
            for line, at in read.items()
            if at is None
        ]
        raise _unreadable(faults, path)
    return [at for _, at in values], n_ambiguous, n_skipped


def _is_local(airing: _Airing) -> bool:
    return not OFFSET.fullmatch(airing.time)


def _with_offset(text: str) -> int | None:
    """An ISO time with its offset, as milliseconds since 1970."""
    if not OFFSET.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _report_time(text: str) -> str | None:
    """A local time as the report prints them, which is what `Clock` reads."""
    if not ISO.match(text):
        return text
    try:
        moment = datetime.fromisoformat(text.replace(" ", "T").replace("t", "T"))
    except ValueError:
        # `2026-11-01 6:29 PM`: the date is ISO's, the time is the report's.
        date, _, time = text.replace("T", " ", 1).partition(" ")
        year, month, day = date.split("-")
        return f"{month}/{day}/{year} {time}"
    return f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment:%M:%S}"


def _table(airings: list[_Airing], instants: list[int], account_id: str | None) -> pa.Table:
    return pa.table(
        [
            [account_id] * len(airings),
            [datetime.fromtimestamp(at / 1000, UTC) for at in instants],
            *(
                [getattr(airing, name) for airing in airings]
                for name in ("network", "market", "code", "cost", "line")
            ),
        ],
        schema=SPOTS_SCHEMA,
    )


def _without_known(table: pa.Table, held: Iterable[pa.Table], path: Path) -> pa.Table:
    """
    The airings that no other log holds.

    Raises
    ------
    DataError
        If another log holds an airing with another cost.
    """
    known: Counter[tuple[object, ...]] = Counter()
    costs: dict[tuple[object, ...], set[object]] = {}
    for rows in held:
        for row in rows.to_pylist():
            *key, cost, _ = row.values()
            known[*key, cost] += 1
            costs.setdefault(tuple(key), set()).add(cost)
    kept = []
    faults = []
    for at, row in enumerate(table.to_pylist()):
        *key, cost, line = row.values()
        if known[*key, cost]:
            known[*key, cost] -= 1
        elif costs.get(tuple(key), {cost}) - {cost}:
            faults.append(
                f"line {line}, cost: another log in the dataset has this airing with another "
                "cost: remove that log's file from spots/ first"
            )
        else:
            kept.append(at)
    if faults:
        raise _unreadable(faults, path)
    return table.take(pa.array(kept, pa.int64()))
