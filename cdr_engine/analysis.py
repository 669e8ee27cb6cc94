"""A dataset opened for questions: its views in the zone of its reports, and what it covers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cdr_engine.dataset import Coverage, Finding, Layout, coverage
from cdr_engine.dataset import verify as verify_files
from cdr_engine.errors import DatasetError
from cdr_engine.views import connect, query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

__all__ = ["OpenDataset", "open_dataset", "status", "verify"]


class OpenDataset:
    """
    A dataset folder as SQL; a context manager.

    Parameters
    ----------
    path
        The folder.
    time_zone
        Zone of local days and hours; by default the one most of its reports were made in.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of its data files cannot be read.
    """

    def __init__(self, path: str | Path, *, time_zone: str | None = None) -> None:
        self.path = Path(path)
        self.coverage = status(path)
        self.time_zone = time_zone or (self.coverage.time_zones or ["UTC"])[0]
        self._connection = connect(self.path, time_zone=self.time_zone)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def sql(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """
        Ask for a view by its name, or with one SQL statement that reads.

        Returns
        -------
        pyarrow.RecordBatchReader
            The answer as a stream; `.read_all()` makes it a table.

        Raises
        ------
        ViewError
            If there is no such view, or DuckDB refuses the statement.
        """
        return query(self._connection, text, parameters=parameters)

    def close(self) -> None:
        """Close the connection; the files stay as they are."""
        self._connection.close()


def open_dataset(path: str | Path, *, time_zone: str | None = None) -> OpenDataset:
    """Open a dataset folder for questions; see `OpenDataset`."""
    return OpenDataset(path, time_zone=time_zone)


def status(path: str | Path) -> Coverage:
    """
    Read what a dataset holds from the footers of its data files.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of its data files cannot be read.
    """
    root = Path(path)
    if not root.is_dir():
        raise DatasetError(f"there is no dataset at {root}: export or ingest into it first")
    return coverage(Layout(root))


def verify(path: str | Path) -> Iterator[Finding]:
    """
    Check every page, footer and ledger of a dataset; yields what is damaged.

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    root = Path(path)
    if not root.is_dir():
        raise DatasetError(f"there is no dataset at {root}: nothing to verify")
    return verify_files(Layout(root))
