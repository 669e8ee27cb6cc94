"""Export a period, or what has come since; plan without asking for a report."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import available_timezones

from cdr_engine.dataset import Layout, coverage, writer_lock
from cdr_engine.errors import PartialExport, UsageError
from cdr_engine.export.asking import Selection
from cdr_engine.export.observer import ExportObserver, ExportSummary
from cdr_engine.export.planning import (
    SETTLING,
    Due,
    Plan,
    Todo,
    due,
    fetched_at,
    is_provisional,
    least_seconds,
)
from cdr_engine.export.retries import Persistence
from cdr_engine.export.running import Run, Terms
from cdr_engine.ledger import Ledger
from cdr_engine.settings import rate_limits
from cdr_engine.windows import Window, moment, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdr_engine.api import ReportService, TokenSource
    from cdr_engine.dataset import AccountCoverage, Coverage, DataFile

__all__ = ["LOOKBACK", "Order", "export", "export_windows", "plan_windows", "sync_windows"]

LOOKBACK = timedelta(days=1)
"""Calls may reach a report so late: a window asked for sooner is asked for once more."""


class Order(NamedTuple):
    """What an export is to fetch, and how."""

    terms: Terms
    size: timedelta | None = None
    """Largest window; None for `auto`."""
    refresh: bool = False
    """Fetch windows again that are there already, by their own bounds."""


def export(
    dataset: str | Path,
    *,
    base_url: str,
    token: str | TokenSource,
    start: str,
    end: str,
    accounts: Sequence[str] = (),
    user_id: int | None = None,
    selection: Selection | None = None,
    time_zone: str = "UTC",
    window: str = "auto",
    rate_limit: str = "3/60s,9/15min",
    jobs: int = 4,
    persistence: Persistence | None = None,
    refresh: bool = False,
    observer: ExportObserver | None = None,
) -> ExportSummary:
    """
    Fetch what a period lacks into a dataset folder.

    Parameters
    ----------
    base_url, token
        Of the report service; a token that is text is an Engage token.
    start, end
        Half-open period: dates, local times of `time_zone`, `yesterday`, `-30d`, ….
    accounts
        Ids; all that the token has access to where none are named.
    selection
        Whose calls: all profiles by default.
    window
        Largest size of a request: `auto`, `12h`, `1d`, ….
    jobs
        Windows fetched side by side.
    persistence
        How long to go on with a window that fails.
    refresh
        Fetch windows again that are there already, by their own bounds.

    Raises
    ------
    PartialExport
        If some windows failed; the others are committed.
    ApiError
        If all failed.
    UsageError, ConfigError, DatasetError
        If what is asked for, the settings or the folder do not allow it.
    """
    from cdr_engine.api import ReportService, StaticToken

    if time_zone not in available_timezones():
        raise UsageError(f"time zone {time_zone!r} is not in the TZ database: give US/Arizona, say")
    now = datetime.now(UTC)
    period = Window(
        moment(start, time_zone=time_zone, now=now), moment(end, time_zone=time_zone, now=now)
    )
    terms = Terms(
        selection or Selection(),
        time_zone,
        tuple(accounts),
        user_id,
        rate_limits(rate_limit),
        jobs,
        persistence or Persistence(),
    )
    order = Order(terms, size_of(window), refresh)
    source = StaticToken(token) if isinstance(token, str) else token
    with ReportService(base_url, source, deadline_s=terms.persistence.deadline_s) as service:
        return export_windows(service, Path(dataset), period, order, observer or ExportObserver())


def export_windows(
    service: ReportService,
    dataset: Path,
    period: Window,
    order: Order,
    observer: ExportObserver,
) -> ExportSummary:
    """Fetch what a period lacks through a service that is open already; see `export`."""
    _check(period, order)

    def is_again(file: DataFile, window: Window) -> bool:
        return order.refresh or is_provisional(file, window)

    return _run(
        service, dataset, order, observer, lambda held: due(held, period, is_again=is_again)
    )


def sync_windows(
    service: ReportService,
    dataset: Path,
    order: Order,
    observer: ExportObserver,
    *,
    start: datetime | None = None,
    lookback: timedelta = LOOKBACK,
    now: datetime | None = None,
) -> ExportSummary:
    """
    Fetch what has come since the end of an account's coverage, up to the settling time.

    Parameters
    ----------
    start
        Where an account begins that the dataset does not hold yet.
    lookback
        Calls may reach a report so late: a window that was asked for sooner after its end is asked
        for once more when so much time has passed.

    Raises
    ------
    UsageError
        If there is an account without windows and no start for it.
    """
    moment_now = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    until = moment_now - SETTLING

    def is_again(file: DataFile, window: Window) -> bool:
        asked = fetched_at(file)
        is_late = asked is not None and asked < window.end + lookback <= moment_now
        return window.end <= until and (is_late or is_provisional(file, window))

    def lacks(held: AccountCoverage) -> Due:
        windows = held.windows
        if not windows and start is None:
            raise UsageError(
                f"account {held.account_id} is not in the dataset yet: where is it to begin? "
                "pass --start"
            )
        end = max((window.end for window in windows), default=start or until)
        replaced = due(
            held, Window(min([*windows, Window(end, end)]).start, end), is_again=is_again
        )
        gaps = (Window(end, until),) if end < until else ()
        return replaced._replace(gaps=gaps)

    return _run(service, dataset, order, observer, lacks)


def plan_windows(service: ReportService, dataset: Path, period: Window, order: Order) -> Plan:
    """Say what `export_windows` would do, without asking for a report or changing a file."""
    _check(period, order)
    held = coverage(Layout(dataset))

    def is_again(file: DataFile, window: Window) -> bool:
        return order.refresh or is_provisional(file, window)

    dues = [due(held.of(one), period, is_again=is_again) for one in _accounts(service, order)]
    jobs = _todo(dues, held, order).jobs()
    return Plan(
        tuple(jobs),
        sum(one.covered for one in dues),
        least_seconds(len(jobs), order.terms.limits),
    )


def _run(
    service: ReportService,
    dataset: Path,
    order: Order,
    observer: ExportObserver,
    lacks: Callable[[AccountCoverage], Due],
) -> ExportSummary:
    started = time.monotonic()
    layout = Layout(dataset)
    with writer_lock(layout):
        held = coverage(layout)
        dues = []
        for account_id in _accounts(service, order):
            there = held.of(account_id)
            order.terms.selection.check_same(there.files)
            dues.append(lacks(there))
        todo = _todo(dues, held, order)
        covered = sum(one.covered for one in dues)
        observer.planned(todo.jobs(), covered)
        run = Run(service, layout, held, todo, order.terms, observer)
        run.to_the_end()
    files = sorted(run.files, key=lambda file: file.path)
    summary = ExportSummary(
        tuple(files),
        covered,
        Ledger.total(file.footer.ledger for file in files),
        time.monotonic() - started,
        tuple(sorted(run.failed, key=lambda failure: failure[:2])),
        run.splits,
    )
    observer.ended(summary)
    if not summary.failed:
        return summary
    if not summary.files:
        raise summary.failed[0].error
    raise PartialExport(
        f"{len(summary.failed)} of {len(files) + len(summary.failed)} windows failed, the first "
        f"because {summary.failed[0].error}; the same command fetches what is missing",
        summary,
    )


def _accounts(service: ReportService, order: Order) -> list[str]:
    named = order.terms.accounts
    ids = named or [account.account_id for account in service.accounts()]
    return sorted(dict.fromkeys(ids))


def _todo(dues: Sequence[Due], held: Coverage, order: Order) -> Todo:
    return Todo(dues, size=order.size, time_zone=order.terms.time_zone, files=held.files)


def _check(period: Window, order: Order) -> None:
    if period.start >= period.end:
        raise UsageError(f"the period {period} is empty: --start must lie before --end")
    if order.terms.jobs < 1:
        raise UsageError("jobs are windows side by side: one at least")
