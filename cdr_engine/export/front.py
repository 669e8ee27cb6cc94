"""The library's functions: export, sync, and the plan of an export, in plain texts and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from cdr_engine.export.bulk import ByPeriod, SinceCoverage, order_of, plan_export, run_export
from cdr_engine.export.observer import ExportObserver
from cdr_engine.windows import Window, duration_of, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.api import GroupBy, ReportService, TokenSource
    from cdr_engine.export.observer import ExportSummary
    from cdr_engine.export.plan import ExportPlan

__all__ = ["ExportOptions", "export", "export_plan", "period_of", "since_coverage", "sync"]


class ExportOptions(TypedDict, total=False):
    """What may be said of an export besides its period; every key is optional."""

    accounts: Sequence[str]
    """Ids or names; all that the token has access to by default."""
    user_id: int | None
    """User to ask for profiles with; looked up by default."""
    profiles: Sequence[str]
    """Profiles (with group_by DESTINATION: destinations) by id or name; all by default."""
    groups: Sequence[str]
    """Their groups by id or name, `null` being the group without id; all by default."""
    group_by: GroupBy
    time_zone: str
    """Of the report and of the period; UTC by default."""
    window: str
    """Largest request: `auto` (by weight, a calendar month at most), `12h`, `1d`, …."""
    rate_limit: str
    """`3/60s,9/15min` by default, or `off`."""
    jobs: int
    """Windows under way at once; 4 by default."""
    max_attempts: int
    """Per window; 6 by default."""
    deadline: str | None
    """Per window over all attempts, as `2h`; none by default."""


def export(
    dataset: str | Path,
    *,
    base_url: str,
    token: str | TokenSource,
    start: str,
    end: str,
    refresh: bool = False,
    observer: ExportObserver | None = None,
    **options: Unpack[ExportOptions],
) -> ExportSummary:
    """
    Fetch what a period lacks into a dataset folder.

    Parameters
    ----------
    base_url, token
        Of the report service; a token as text is an Engage token.
    start, end
        Half-open period: dates, local times of the time zone, `yesterday`, `-30d`, ….
    refresh
        Fetch windows again that are there already, by their own bounds.
    options
        See `ExportOptions`. A dataset holds either all calls of an account or one part of them.

    Raises
    ------
    PartialExport, ApiError
        If some windows failed, or all; those that were committed stay.
    UsageError, ConfigError, DatasetError
        If what is asked for, the settings or the folder do not allow it.
    """
    order = order_of(**options)
    when = ByPeriod(period_of(start, end, order.manner.time_zone), refresh)
    with _service(base_url, token) as service:
        return run_export(service, Path(dataset), order, when, observer or ExportObserver())


def sync(
    dataset: str | Path,
    *,
    base_url: str,
    token: str | TokenSource,
    start: str | None = None,
    lookback: str = "1d",
    observer: ExportObserver | None = None,
    **options: Unpack[ExportOptions],
) -> ExportSummary:
    """
    Fetch what is new since the last time, and again what may have changed since.

    Parameters
    ----------
    base_url, token, options
        As of `export`.
    start
        Where the first sync begins; needed while the dataset has no coverage.
    lookback
        How late rows come: a window that was asked for sooner after its end is asked for again,
        when it is twice as old, and last when it is as old as this.

    Raises
    ------
    CdrError
        As `export` does.
    """
    order = order_of(**options)
    when = since_coverage(start, lookback, order.manner.time_zone)
    with _service(base_url, token) as service:
        return run_export(service, Path(dataset), order, when, observer or ExportObserver())


def export_plan(
    dataset: str | Path,
    *,
    base_url: str,
    token: str | TokenSource,
    start: str,
    end: str,
    refresh: bool = False,
    **options: Unpack[ExportOptions],
) -> ExportPlan:
    """Plan what `export` would do with the same words; no report is asked for, nothing written."""
    order = order_of(**options)
    when = ByPeriod(period_of(start, end, order.manner.time_zone), refresh)
    with _service(base_url, token) as service:
        return plan_export(service, Path(dataset), order, when)


def period_of(start: str, end: str, time_zone: str) -> Window:
    """
    Read a period.

    Raises
    ------
    UsageError
        If a side of it is no moment.
    """
    now = datetime.now(UTC)
    return Window(
        moment(start, time_zone=time_zone, now=now), moment(end, time_zone=time_zone, now=now)
    )


def since_coverage(start: str | None, lookback: str, time_zone: str) -> SinceCoverage:
    """Read what a sync is told; for errors see `period_of`."""
    now = datetime.now(UTC)
    first = None if start is None else moment(start, time_zone=time_zone, now=now)
    return SinceCoverage(now, timedelta(seconds=duration_of(lookback)), first)


def _service(base_url: str, token: str | TokenSource) -> ReportService:
    from cdr_engine.api import ReportService, StaticToken

    return ReportService(base_url, StaticToken(token) if isinstance(token, str) else token)
