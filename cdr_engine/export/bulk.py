"""Bulk export, sync and the plan of either: from what is asked for to what was committed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from zoneinfo import available_timezones

from cdr_engine.dataset import Layout, coverage, writer_lock
from cdr_engine.errors import CdrError, PartialExport, ServiceUnreachable, UsageError
from cdr_engine.export.observer import ExportObserver, ExportSummary, Told
from cdr_engine.export.plan import ExportPlan, Task, due, expected, seconds_at
from cdr_engine.export.retry import Patience, Verdict, verdict
from cdr_engine.export.runner import Manner, Runner
from cdr_engine.export.selection import Choice, Selection, account_ids, check_mixing, choose
from cdr_engine.ledger import Ledger
from cdr_engine.settings import rate_limits
from cdr_engine.windows import SETTLING, Window, duration_of, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdr_engine.api import GroupBy, ReportService
    from cdr_engine.dataset import AccountCoverage, Coverage, Footer
    from cdr_engine.settings import RateLimit

__all__ = [
    "ByPeriod",
    "ByWindows",
    "Order",
    "SinceCoverage",
    "When",
    "export_windows",
    "order_of",
    "plan_export",
    "run_export",
]

T = TypeVar("T")
LOOKUP_ATTEMPTS = 3
"""Of a supporting call that finds nobody: an address that is wrong should not take long to say."""


class Order(NamedTuple):
    """What is asked for besides the period, and how."""

    manner: Manner
    size: timedelta | None = None
    """Largest window; None for `auto`."""
    accounts: tuple[str, ...] = ()
    user_id: int | None = None
    selection: Selection = Selection()


class Span(NamedTuple):
    """The period of one account, and after which end windows that are there are due again."""

    period: Window
    is_due_again: Callable[[Footer], bool]
    """Tells of a window that is there whether to ask for it once more."""


class ByPeriod(NamedTuple):
    """The same period for every account."""

    period: Window
    refresh: bool = False

    def spans(self, held: AccountCoverage, whole: Coverage) -> list[Span]:  # noqa: ARG002
        """Return the period; with `refresh` all that is there is due again."""
        if self.period.start >= self.period.end:
            raise UsageError(f"the period {self.period} is empty: --start must lie before --end")
        return [Span(self.period, lambda _: self.refresh)]


class ByWindows(NamedTuple):
    """Certain windows of certain accounts, as far as they are not there."""

    windows: tuple[tuple[str, Window], ...]

    def spans(self, held: AccountCoverage, whole: Coverage) -> list[Span]:  # noqa: ARG002
        """Return the windows of one account."""
        return [
            Span(window, lambda _: False)
            for account_id, window in self.windows
            if account_id == held.account_id
        ]


class SinceCoverage(NamedTuple):
    """
    From where an account's coverage begins to now less the settling time: the end is what is new.

    What is missing in between is fetched as well. An account that is new begins where the first of
    the others does. Rows that come late are looked for: a window that was asked for less than
    `lookback` after its end is asked for again when it is twice as old, and last when it is as old
    as `lookback`. So each costs a handful of requests, however often a sync runs.
    """

    now: datetime
    lookback: timedelta
    start: datetime | None = None
    """Overrides where coverage begins; needed where there is none."""

    def spans(self, held: AccountCoverage, whole: Coverage) -> list[Span]:
        """Return the period; an empty one where everything is too new."""
        end = (self.now - SETTLING).replace(second=0, microsecond=0)
        firsts = [min(each.windows).start for each in whole.accounts if each.windows]
        start = self.start or (
            min(held.windows).start if held.windows else min(firsts, default=None)
        )
        if start is None:
            raise UsageError("the dataset has no coverage to go on from: give the first --start")
        return [Span(Window(min(start, end), end), self._may_lack_rows)]

    def _may_lack_rows(self, footer: Footer) -> bool:
        asked_after = footer.asked_after
        if footer.window is None or asked_after is None or asked_after >= self.lookback:
            return False
        return self.now - footer.window.end >= min(self.lookback, 2 * asked_after)


When = ByPeriod | ByWindows | SinceCoverage


def order_of(
    *,
    accounts: Sequence[str] = (),
    user_id: int | None = None,
    profiles: Sequence[str] = (),
    groups: Sequence[str] = (),
    group_by: GroupBy = "PROFILE",
    time_zone: str = "UTC",
    window: str = "auto",
    rate_limit: str = "3/60s,9/15min",
    jobs: int = 4,
    max_attempts: int = 6,
    deadline: str | None = None,
    first_pause_s: float = 2.0,
) -> Order:
    """
    Read what is asked for from its texts.

    Raises
    ------
    UsageError, ConfigError
        If one of them cannot be read.
    """
    if time_zone not in available_timezones():
        raise UsageError(f"time zone {time_zone!r} is not in the TZ database: give US/Arizona, say")
    for name, number in (("jobs", jobs), ("max_attempts", max_attempts)):
        if number < 1:
            raise UsageError(f"{name} is {number}: give 1 or more")
    size = size_of(window)
    deadline_s = None if deadline is None else duration_of(deadline)
    patience = Patience(max_attempts, deadline_s, first_pause_s)
    limits = rate_limits(rate_limit)
    return Order(
        Manner(time_zone, limits, jobs, patience, is_auto=size is None),
        size,
        tuple(accounts),
        user_id,
        Selection(group_by, tuple(profiles), tuple(groups)),
    )


def export_windows(
    service: ReportService,
    dataset: Path,
    period: Window,
    *,
    accounts: Sequence[str],
    user_id: int | None,
    time_zone: str,
    size: timedelta | None,
    group_by: GroupBy,
    limits: Sequence[RateLimit],
    refresh: bool,
    observer: ExportObserver,
    jobs: int = 4,
    patience: Patience = Patience(),  # noqa: B008 - immutable
) -> ExportSummary:
    """Fetch what a period lacks through a service that is open already; see `run_export`."""
    manner = Manner(time_zone, tuple(limits), jobs, patience, is_auto=size is None)
    order = Order(manner, size, tuple(accounts), user_id, Selection(group_by))
    return run_export(service, dataset, order, ByPeriod(period, refresh), observer)


def run_export(
    service: ReportService,
    dataset: Path,
    order: Order,
    when: When,
    observer: ExportObserver,
) -> ExportSummary:
    """
    Fetch what is missing through a service that is open already.

    Raises
    ------
    PartialExport
        If some windows failed and others were committed; `.summary` says which.
    ApiError
        If all failed: the reason of the first.
    CdrError
        At once, if an error would meet every window; what was committed before stays.
    """
    started = time.monotonic()
    layout = Layout(dataset)
    told = Told(observer)
    with writer_lock(layout):
        held = coverage(layout)
        choices, tasks, covered = _planned(service, held, order, when)
        told.planned([(task.account_id, task.window) for task in tasks], covered)
        runner = Runner(service, layout, held, choices, order.manner, told)
        runner.run(tasks)
    files = tuple(sorted(runner.files))
    summary = ExportSummary(
        files,
        covered,
        Ledger.total(file.footer.ledger for file in files),
        time.monotonic() - started,
        tuple(runner.splits),
        tuple(sorted(runner.failures)),
        runner.retries,
    )
    told.finished(summary)
    if runner.first_error is not None and not files:
        raise runner.first_error
    if summary.failures:
        raise PartialExport(_lacking(summary), summary)
    return summary


def plan_export(service: ReportService, dataset: Path, order: Order, when: When) -> ExportPlan:
    """Plan without asking for a report, and without the writer's lock; for errors see above."""
    held = coverage(Layout(dataset))
    _, tasks, covered = _planned(service, held, order, when)
    weights = [expected(task.window, held.of(task.account_id).files) for task in tasks]
    known = [weight for weight in weights if weight is not None]
    return ExportPlan(
        tasks,
        covered,
        int(sum(known)) if len(known) == len(weights) and known else None,
        seconds_at(order.manner.limits, len(tasks)),
    )


def _planned(
    service: ReportService, held: Coverage, order: Order, when: When
) -> tuple[dict[str, Choice], tuple[Task, ...], int]:
    """What is asked for of each account, its tasks, and how many windows are there and stay."""
    patience = order.manner.patience
    if isinstance(when, ByPeriod):
        when.spans(held.of(None), held)
    ids = _patiently(lambda: account_ids(service, order.accounts), patience)
    user_id = order.user_id
    choices: dict[str, Choice] = {}
    tasks: list[Task] = []
    covered = 0
    for account_id in ids:
        there = held.of(account_id)
        spans = when.spans(there, held)
        if user_id is None:
            user_id = _patiently(service.user_id, patience)
        choice = _choice(service, account_id, user_id, order)
        if choice is None:
            continue
        check_mixing(there, choice)
        zone, size = order.manner.time_zone, order.size
        choices[account_id] = choice
        for span in spans:
            more, settled = due(there, span.period, size, zone, is_due_again=span.is_due_again)
            tasks += more
            covered += settled
    if not choices:
        raise UsageError(f"no account has cloud {order.selection.what}s: see `cdr accounts`")
    return choices, tuple(sorted(tasks)), covered


def _choice(service: ReportService, account_id: str, user_id: int, order: Order) -> Choice | None:
    return _patiently(
        lambda: choose(service, account_id, user_id, order.selection), order.manner.patience
    )


def _patiently(call: Callable[[], T], patience: Patience) -> T:
    """Make a supporting call, again after errors that pass."""
    for attempt in range(1, patience.max_attempts):
        try:
            return call()
        except CdrError as error:
            if verdict(error) not in (Verdict.AGAIN, Verdict.INCOMPLETE, Verdict.TOO_LARGE):
                raise
            seconds = patience.pause_s(attempt, error)
            is_nobody = isinstance(error, ServiceUnreachable) and attempt >= LOOKUP_ATTEMPTS
            if seconds is None or is_nobody:
                raise
            time.sleep(seconds)
    return call()


def _lacking(summary: ExportSummary) -> str:
    first = summary.failures[0]
    return (
        f"{len(summary.failures)} windows failed, {len(summary.files)} were committed: account "
        f"{first.account_id}, {first.window}: {first.reason}: the same command fetches what is "
        "missing"
    )
