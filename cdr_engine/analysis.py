"""A dataset opened for questions: its views in the zone of its reports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cdr_engine.dataset import Layout
from cdr_engine.errors import UsageError, ViewError
from cdr_engine.inspection import status
from cdr_engine.rollup import use_kept
from cdr_engine.views import (
    RULES,
    Selection,
    Verdict,
    View,
    catalogue,
    connect,
    explain,
    judge,
    query,
    restrict,
    write_database,
)
from cdr_engine.windows import Window, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from cdr_engine.dataset import DataFile
    from cdr_engine.definitions import Definitions

__all__ = ["OpenDataset", "open_dataset", "write_views"]


BASE = ("calls", "rejects", "spots")
"""Base relations."""
GAPS = "missing_windows"


class OpenDataset:
    """
    A dataset folder as SQL; a context manager.

    Files that are committed later are seen by the next question.

    Parameters
    ----------
    path
        The folder.
    time_zone
        Zone of local days and hours; by default the one most of its reports were made in.
    start, end
        Half-open period: only calls of it are counted, by whatever view. As for `export`:
        `2026-11-01`, `yesterday`, `-30d`, in local time of the zone, or a datetime.
    accounts
        Only their calls; all where none are named.
    profiles
        Only calls of these cloud profiles, by id or name.
    definitions
        What the views count by; by default the documented defaults.
    own_views
        Folder of `.sql` files that join the views.
    asked
        The only question that will be asked, where there is one: a view or SQL. Other views are
        not made then, which saves some 0.3 s.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of its data files cannot be read.
    UsageError
        If there is no such zone or account, or the period is empty or cannot be read.
    ConfigError
        If the folder of views cannot be read as such.
    ViewError
        If DuckDB refuses one of them.

    Attributes
    ----------
    coverage
        The data files, as of the last question.
    counted
        Counted views that questions read from what `rollup` keeps, instead of from the calls.
    answered
        Views that questions read from the answers that `rollup` keeps.
    """

    counted: list[str]
    answered: list[str]

    def __init__(
        self,
        path: str | Path,
        *,
        time_zone: str | None = None,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        accounts: Sequence[str] = (),
        profiles: Sequence[str | int] = (),
        definitions: Definitions | None = None,
        own_views: str | Path | None = None,
        asked: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.catalogue = _catalogue(definitions, own_views)
        self._layout = Layout(self.path.resolve())
        self._state = self._layout.state()
        self.coverage = status(path)
        self.time_zone = time_zone or (self.coverage.time_zones or ["UTC"])[0]
        self._asked = asked
        self._selection = Selection(
            *self._period(start, end), self._known(accounts), tuple(map(str, profiles))
        )
        self._connection = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def tables(self) -> list[str]:
        """What there is to ask below the views: calls, rejects and spots, and staging over them."""
        return [*BASE, *(view.name for view in self.catalogue if not view.is_public)]

    @property
    def views(self) -> list[str]:
        """The views that answer a question each; `cdr views` says which."""
        return [view.name for view in self.catalogue if view.is_public]

    def sql(
        self,
        text: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        order_by: str | None = None,
    ) -> pa.RecordBatchReader:
        """
        Ask for a view by its name, or with one SQL statement that reads.

        Parameters
        ----------
        parameters
            Values for `?` (a sequence) or `$name` (a mapping) in the SQL.
        order_by
            Columns of the answer: `day`, `n_calls desc` or `-n_calls`, commas between them.

        Returns
        -------
        pyarrow.RecordBatchReader
            The answer as a stream; `.read_all()` makes it a table.

        Raises
        ------
        ViewError
            If there is no such view or column, or DuckDB refuses the statement; at the end of the
            answer if `cdr compact` exchanged files while it was worked out, which DuckDB's listing
            can miss.
        """
        from pyarrow import RecordBatchReader

        names = [*self.tables, *self.views]
        layout = Layout(self.path)
        folders = layout.folders()
        answer = query(self._current(), text, parameters=parameters, order_by=order_by, names=names)
        return RecordBatchReader.from_batches(
            answer.schema, _unless_folded(answer, layout, folders)
        )

    def arrow(
        self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pa.Table:
        """Ask as `sql` does, and read the answer whole; `.to_pandas()` makes it a data frame."""
        return self.sql(text, parameters).read_all()

    def explain(self, text: str, *, order_by: str | None = None) -> str:
        """Return the plan of a question, without asking it."""
        names = [*self.tables, *self.views]
        return explain(self._current(), text, order_by=order_by, names=names)

    def check(self, at_most: Mapping[str, float] | None = None) -> list[Verdict]:
        """
        Measure the calls by the rules of data quality, and look for windows that are missing.

        Parameters
        ----------
        at_most
            Shares, 0 to 1, that rules may be broken by, instead of their own.

        Raises
        ------
        UsageError
            If there is no rule of that name.
        """
        own = dict(at_most or {})
        names = [GAPS, *(rule.name for rule in RULES)]
        for name in own:
            if name not in names:
                raise UsageError(f"there is no rule {name!r}; there is {', '.join(names)}")
        rules = [rule._replace(at_most=own.get(rule.name, rule.at_most)) for rule in RULES]
        return [self._gaps(own.get(GAPS, 0.0)), *judge(self._current(), rules)]

    def close(self) -> None:
        """Close the connection; the files stay as they are."""
        self._connection.close()

    def _current(self) -> DuckDBPyConnection:
        """The connection, opened again once there are other files."""
        state = self._layout.state()
        if state != self._state:
            # Answers that are still being read keep what they read alive.
            self.coverage = status(self.path)
            self._connection, self._state = self._connect(), state
        return self._connection

    def _connect(self) -> DuckDBPyConnection:
        """Open the files that there are now, narrowed, and with what is counted of them."""
        # What narrows the calls stands in stg_calls.
        asked = None if self._asked is None else f"{self._asked} stg_calls"
        files = self.coverage.files
        connection = connect(
            self.path,
            time_zone=self.time_zone,
            views=self.catalogue,
            asked=asked,
            others=other_columns(files),
        )
        try:
            restrict(connection, self._selection, self.catalogue)
            self.counted, self.answered = use_kept(
                connection, self._layout, files, self.catalogue, self._selection, self.time_zone
            )
        except BaseException:
            connection.close()
            raise
        return connection

    def _gaps(self, at_most: float) -> Verdict:
        """Windows that no file covers, between an account's first and last."""
        chosen = self._selection
        of = [a for a in self.coverage.accounts if a.account_id in chosen.accounts]
        accounts = of if chosen.accounts else self.coverage.accounts
        gaps = [
            gap
            for account in accounts
            for gap in account.gaps
            if (chosen.start is None or gap.end > chosen.start)
            and (chosen.end is None or gap.start < chosen.end)
        ]
        n_checked = len(gaps) + sum(len(account.windows) for account in accounts)
        share = len(gaps) / n_checked if n_checked else 0.0
        return Verdict(
            rule=GAPS,
            is_broken=share > at_most,
            n_broken=len(gaps),
            n_checked=n_checked,
            share=share,
            at_most=at_most,
            message="windows were never fetched: `cdr status` names them, export their period",
        )

    def _period(
        self, start: str | datetime | None, end: str | datetime | None
    ) -> tuple[datetime | None, datetime | None]:
        now = datetime.now(UTC)
        try:
            first, last = (
                None if bound is None else moment(str(bound), time_zone=self.time_zone, now=now)
                for bound in (start, end)
            )
        except KeyError as error:
            raise UsageError(f"time zone {self.time_zone!r} is not in the TZ database") from error
        if first is not None and last is not None and first >= last:
            raise UsageError(f"the period {Window(first, last)} is empty: start lies before end")
        return first, last

    def _known(self, accounts: Sequence[str]) -> tuple[str, ...]:
        there = {account.account_id for account in self.coverage.accounts} - {None}
        for account in accounts:
            if there and account not in there:
                raise UsageError(
                    f"account {account} is not in {self.path}; there is "
                    + ", ".join(sorted(map(str, there)))
                )
        return tuple(accounts)


def open_dataset(
    path: str | Path,
    *,
    time_zone: str | None = None,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    accounts: Sequence[str] = (),
    profiles: Sequence[str | int] = (),
    definitions: Definitions | None = None,
    own_views: str | Path | None = None,
    asked: str | None = None,
) -> OpenDataset:
    """Open a dataset folder, or a part of its calls, for questions; see `OpenDataset`."""
    return OpenDataset(
        path,
        time_zone=time_zone,
        start=start,
        end=end,
        accounts=accounts,
        profiles=profiles,
        definitions=definitions,
        own_views=own_views,
        asked=asked,
    )


def other_columns(files: Iterable[DataFile]) -> dict[str, str]:
    """Columns beyond the known ones that data files have, by name; they are text."""
    names = {name.lower(): name for file in files for name in file.footer.unknown_columns}
    return {names[key]: "VARCHAR" for key in sorted(names)}


def write_views(
    path: str | Path,
    *,
    time_zone: str | None = None,
    definitions: Definitions | None = None,
    own_views: str | Path | None = None,
) -> Path:
    """
    Write a dataset's `cdr.duckdb`, which holds its views for other tools, and return its path.

    It holds no rows: a new one takes the place of the last at once, also while others read.

    Parameters
    ----------
    time_zone
        Zone of local days and hours; by default the one most of its reports were made in.
    definitions
        What the views count by; by default the documented defaults.
    own_views
        Folder of `.sql` files that join the views.

    Raises
    ------
    DatasetError
        If there is no such folder, one of its data files cannot be read, or it cannot be written.
    ConfigError
        If the folder of views cannot be read as such.
    ViewError
        If DuckDB cannot read the data files, or refuses one of the views.
    """
    zone = time_zone or (status(path).time_zones or ["UTC"])[0]
    views = _catalogue(definitions, own_views)
    return write_database(Path(path), time_zone=zone, views=views)


def _unless_folded(
    batches: Iterable[pa.RecordBatch], layout: Layout, folders: dict[str, int]
) -> Iterator[pa.RecordBatch]:
    """The same batches; ViewError at the end if files were folded meanwhile."""
    yield from batches
    if layout.is_folded_since(folders):
        raise ViewError("files were folded while they were listed: ask again")


def _catalogue(definitions: Definitions | None, own_views: str | Path | None) -> tuple[View, ...]:
    return catalogue(definitions, Path(own_views) if own_views else None)
