"""What an export has to bring and what a dataset folder holds, both told without the engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from cdr_engine.simulator import COLUMN_NAMES, History

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Oracle",
    "Row",
    "bounds_of",
    "covers",
    "data_files",
    "day_name",
    "leftovers",
    "rows_on_file",
]

Row = dict[str, Any]


def bounds_of(name: str) -> tuple[datetime, datetime]:
    """Read the bounds of a window from the name of its file."""
    first, last = (
        datetime.strptime(part, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for part in name.split("--")
    )
    return first, last


def day_name(first: datetime, days: int = 1) -> str:
    """Name the window of some days."""
    return "--".join(f"{moment:%Y%m%dT%H%M%SZ}" for moment in (first, first + timedelta(days=days)))


def covers(dataset: Path, start: datetime, end: datetime) -> bool:
    """Tell whether the windows on file follow each other from the start to the end."""
    at = start
    for first, last in sorted(bounds_of(path.stem) for path in data_files(dataset)):
        if first != at:
            return False
        at = last
    return at == end


def data_files(dataset: Path) -> list[Path]:
    """What any tool finds that is pointed at the folder."""
    return sorted((dataset / "calls").glob("**/*.parquet"))


def leftovers(dataset: Path) -> list[str]:
    """Files that are neither data, nor rejects, nor the writers' lock, nor the cache of views."""
    known = dataset / ".lock", dataset / "cdr.duckdb"
    return sorted(
        str(path.relative_to(dataset))
        for path in dataset.rglob("*")
        if path.is_file()
        and path.suffix != ".parquet"
        and path not in known
        # A cache that was being made when its process was killed goes with a later one.
        and not path.relative_to(dataset).parts[0].startswith(".cdr-duckdb-")
    )


def rows_on_file(path: Path) -> list[Row]:
    """Read a data file with pyarrow alone; its columns are the report's, in their order."""
    with pq.ParquetFile(path) as file:
        table = file.read()
    assert list(COLUMN_NAMES) == table.column_names
    rows: list[Row] = table.to_pylist()
    return rows


class Oracle:
    """
    The simulator's own records of one account.

    Parameters
    ----------
    history
        What happened.
    overlap_s
        Seconds behind its end whose calls the service sends as well.
    """

    def __init__(self, history: History, overlap_s: int = 0) -> None:
        self.history = history
        self._overlap = timedelta(seconds=overlap_s)
        self._account = history.accounts[0].account_id
        self._known: dict[tuple[datetime, datetime], list[Row]] = {}

    def between(self, start: datetime, end: datetime) -> list[Row]:
        """Return the calls of a period, by start."""
        if (start, end) not in self._known:
            calls = self.history.calls(self._account, start, end)
            self._known[start, end] = [
                {name: call[name] for name in COLUMN_NAMES} for call in calls
            ]
        return self._known[start, end]

    def sent(self, start: datetime, end: datetime) -> list[Row]:
        """Return the calls that the service sends for a window."""
        return self.between(start, end + self._overlap)
