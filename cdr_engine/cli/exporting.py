"""Commands that fetch from the service into a dataset."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from cyclopts import Parameter

from cdr_engine.cli.common import (
    Common,
    Connection,
    amount,
    described,
    emit,
    errors,
    open_service,
    output,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdr_engine.cli.events import EventLines
    from cdr_engine.cli.progress import LoadProgress
    from cdr_engine.export import ExportSummary, Order, Plan
    from cdr_engine.settings import Settings

__all__ = ["export", "sync"]

Moment = Annotated[str, Parameter(allow_leading_hyphen=True)]
Repeatable = Annotated[tuple[str, ...], Parameter(negative="")]
Switch = Annotated[bool, Parameter(negative="")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Manner:
    """Flags of both commands: whose calls, and how to go about it."""

    time_zone: str | None = None
    """Zone of the report and of start and end; CDR_TIME_ZONE, default UTC."""
    group_by: Literal["PROFILE", "DESTINATION"] = "PROFILE"
    """Ask by profile, which every call has, or by destination."""
    group: Repeatable = ()
    """Id or name of a group, repeatable; default all, the null group included."""
    profile: Repeatable = ()
    """Id or name of a profile, repeatable; default all."""
    destination: Repeatable = ()
    """The same for destinations, with --group-by DESTINATION."""
    window: str | None = None
    """Largest period of one request: auto (by weight, a month at most), 12h, 1d, 2w; CDR_WINDOW."""
    jobs: int | None = None
    """Windows fetched side by side; CDR_JOBS, default 4."""
    rate_limit: str | None = None
    """Report calls, as 3/60s,9/15min, or off; CDR_RATE_LIMIT."""
    max_attempts: int | None = None
    """Requests for one window before it counts as failed; CDR_MAX_ATTEMPTS, default 6."""
    deadline: str | None = None
    """For one window, all attempts together: 30min, 2h; CDR_DEADLINE, default 2h."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """Events on standard error: auto draws bars on a terminal and writes JSON lines elsewhere."""

    def settings(self, common: Common, connection: Connection) -> Settings:
        """Lay these flags over environment, files and defaults."""
        return common.settings(
            time_zone=self.time_zone,
            window=self.window,
            jobs=self.jobs,
            rate_limit=self.rate_limit,
            max_attempts=self.max_attempts,
            deadline=self.deadline,
            **connection.flags(),
        )

    def order(self, settings: Settings, *, refresh: bool = False) -> Order:
        """As the library takes it."""
        from cdr_engine.errors import UsageError
        from cdr_engine.export import Order, Persistence, Selection, Terms
        from cdr_engine.settings import duration_s, rate_limits
        from cdr_engine.windows import size_of

        is_profile = self.group_by == "PROFILE"
        if self.destination if is_profile else self.profile:
            other = "DESTINATION" if is_profile else "PROFILE"
            raise UsageError(
                f"--{other.lower()} goes with --group-by {other}, not with {self.group_by}"
            )
        terms = Terms(
            Selection(self.group_by, self.group, self.profile if is_profile else self.destination),
            settings.time_zone or "UTC",
            settings.accounts,
            settings.user_id,
            rate_limits(settings.rate_limit),
            settings.jobs,
            Persistence(settings.max_attempts, duration_s(settings.deadline)),
        )
        return Order(terms, size_of(settings.window), refresh)


_COMMON, _CONNECTION, _MANNER = Common(), Connection(), Manner()


def export(
    *,
    start: Moment,
    end: Moment,
    refresh: Switch = False,
    dry_run: Switch = False,
    manner: Manner = _MANNER,
    connection: Connection = _CONNECTION,
    common: Common = _COMMON,
) -> int:
    """
    Fetch what a period lacks from the service into the dataset.

    Parameters
    ----------
    start
        Beginning of the period: 2026-11-01, '2026-11-01 06:30', yesterday, -30d.
    end
        Its end, which does not belong to it.
    refresh
        Fetch windows again that are there already.
    dry_run
        Print the plan, and ask for no report.
    """
    from cdr_engine.export import export_windows, plan_windows
    from cdr_engine.windows import Window, moment

    settings = manner.settings(common, connection)
    order = manner.order(settings, refresh=refresh)
    zone, now = order.terms.time_zone, datetime.now(UTC)
    period = Window(moment(start, time_zone=zone, now=now), moment(end, time_zone=zone, now=now))
    with open_service(settings) as service:
        if dry_run:
            return _say_plan(plan_windows(service, settings.dataset_path, period, order), common)
        with _told(manner.log_format) as observer, _said(common):
            summary = export_windows(service, settings.dataset_path, period, order, observer)
    if not common.json and not summary.files:
        errors().print("nothing was missing")
    _say(summary, common)
    return 0


def sync(
    *,
    start: Moment | None = None,
    lookback: str = "1d",
    manner: Manner = _MANNER,
    connection: Connection = _CONNECTION,
    common: Common = _COMMON,
) -> int:
    """
    Fetch what has come since the last run, and say nothing where nothing has; made for cron.

    Parameters
    ----------
    start
        Where an account begins that the dataset does not hold yet.
    lookback
        Calls may reach a report so late: a window is asked for once more when it is so old.
    """
    from cdr_engine.errors import UsageError
    from cdr_engine.export import sync_windows
    from cdr_engine.windows import moment, size_of

    settings = manner.settings(common, connection)
    order = manner.order(settings)
    late = size_of(lookback)
    if late is None:
        raise UsageError("--lookback is a length of time: 12h, 1d, 2w")
    now = datetime.now(UTC)
    begin = None if start is None else moment(start, time_zone=order.terms.time_zone, now=now)
    with open_service(settings) as service, _told(manner.log_format) as observer, _said(common):
        summary = sync_windows(
            service, settings.dataset_path, order, observer, start=begin, lookback=late
        )
    _say(summary, common)
    return 0


def _told(log_format: str) -> LoadProgress | EventLines:
    """Return who tells what happens."""
    from cdr_engine.cli.events import EventLines
    from cdr_engine.cli.progress import LoadProgress

    is_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    return EventLines() if is_json else LoadProgress("windows")


@contextmanager
def _said(common: Common) -> Iterator[None]:
    """Say what was done also where some windows failed."""
    from cdr_engine.errors import PartialExport

    try:
        yield
    except PartialExport as error:
        _say(cast("ExportSummary", error.summary), common)
        raise


def _say(summary: ExportSummary, common: Common) -> None:
    from cdr_engine.cli.events import failure_facts
    from cdr_engine.cli.tables import ledger_table

    if common.json:
        emit(
            {
                "files": [described(file) for file in summary.files],
                "covered": summary.covered,
                "splits": summary.splits,
                "failed": [failure_facts(failure) for failure in summary.failed],
                "seconds": summary.seconds,
            }
        )
    elif summary.files:
        output().print(ledger_table(summary.files))


def _say_plan(plan: Plan, common: Common) -> int:
    from cdr_engine.cli.tables import listing

    if common.json:
        windows: list[dict[str, Any]] = [
            {"account_id": job.account_id, **job.window._asdict(), "is_there": job.is_there}
            for job in plan.jobs
        ]
        emit({"windows": windows, "covered": plan.covered, "seconds": plan.seconds})
        return 0
    table = listing("account", "from (UTC)", "to (UTC)", "why")
    for job in plan.jobs:
        start, end = (f"{bound:%Y-%m-%d %H:%M}" for bound in job.window)
        table.add_row(job.account_id, start, end, "again" if job.is_there else "missing")
    if plan.jobs:
        output().print(table)
    errors().print(
        f"{amount(len(plan.jobs))} report calls, at least {plan.seconds / 60:,.0f} min by the rate "
        f"limit; {amount(plan.covered)} windows of the period are there already",
        soft_wrap=True,
    )
    return 0
