"""
Bulk export: plan the windows that are missing, fetch them one after the other, commit each.

A rerun plans again from what the dataset holds, so it fetches what is missing and nothing else.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pyarrow.compute as pc

from cdr_engine.dataset import Layout, coverage, writer_lock
from cdr_engine.errors import HeaderError, IncompleteReport, NotAReport, UsageError
from cdr_engine.ledger import Ledger
from cdr_engine.pipeline import Observer, Origin, load
from cdr_engine.settings import RateLimit, rate_limits
from cdr_engine.windows import Window, moment, plan, size_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdr_engine.api import Group, GroupBy, ReportBody, ReportRequest, ReportService
    from cdr_engine.columns import Decoded
    from cdr_engine.dataset import AccountCoverage, DataFile

__all__ = ["ExportObserver", "ExportSummary", "export", "export_windows"]

WRITTEN_BY_ERRORS = (b'"errorCode"', b'"generalMessage"', b'"developerMessage"', b"<html")
"""Marks of an error that the service wrote into a body it had already begun."""

SECOND = timedelta(seconds=1)
"""The end of a request is the last second it asks for."""

SETTLING = timedelta(minutes=15)
"""A window asked for sooner than this after its end may lack calls, and is fetched again."""


class ExportObserver(Observer):
    """Hears of an export's progress; the base hears nothing."""

    def planned(self, windows: Sequence[tuple[str, Window]], covered: int) -> None:
        """Told once: what will be fetched, and how many files of the period are there already."""

    def waiting(self, seconds: float) -> None:
        """Told before a pause that the rate limit asks for."""

    def started(self, account_id: str, window: Window) -> None:
        """Told before a window is asked for."""


class ExportSummary(NamedTuple):
    """What an export did."""

    files: tuple[DataFile, ...]
    """Committed by this run."""
    covered: int
    """Files of the period that were there before and were left alone."""
    ledger: Ledger
    """Sum over `files`."""
    seconds: float


class Limiter:
    """
    Waits until another report call is allowed by every limit.

    A call counts from its answer on: the service has counted it by then, whatever the way took.
    """

    def __init__(self, limits: Iterable[RateLimit], observer: ExportObserver) -> None:
        self._limits = tuple(limits)
        self._calls: deque[float] = deque(maxlen=max((n for n, _ in self._limits), default=1))
        self._observer = observer

    def wait(self) -> None:
        """Block until a call is allowed."""
        now = time.monotonic()
        due = max(
            (self._calls[-n] + period for n, period in self._limits if len(self._calls) >= n),
            default=now,
        )
        if due > now:
            self._observer.waiting(due - now)
            time.sleep(due - now)

    def count(self) -> None:
        """Take note of an answer."""
        self._calls.append(time.monotonic())


def export(
    dataset: str | Path,
    *,
    base_url: str,
    token: str,
    start: str,
    end: str,
    accounts: Sequence[str] = (),
    user_id: int | None = None,
    time_zone: str = "UTC",
    window: str = "auto",
    group_by: GroupBy = "PROFILE",
    rate_limit: str = "3/60s,9/15min",
    refresh: bool = False,
    observer: ExportObserver | None = None,
) -> ExportSummary:
    """
    Fetch what a period lacks into a dataset folder.

    Parameters
    ----------
    base_url, token
        Of the report service; the token is an Engage token.
    start, end
        Half-open period: dates, local times of `time_zone`, `yesterday`, `-30d`, ….
    accounts
        Ids; all that the token has access to where none are named.
    window
        Largest size of a request: `auto` (a calendar month), `12h`, `1d`, ….
    refresh
        Fetch windows again that are there already, by their own bounds.

    Raises
    ------
    ApiError
        If the service fails; windows committed before that stay.
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
    with ReportService(base_url, StaticToken(token)) as service:
        return export_windows(
            service,
            Path(dataset),
            period,
            accounts=accounts,
            user_id=user_id,
            time_zone=time_zone,
            size=size_of(window),
            group_by=group_by,
            limits=rate_limits(rate_limit),
            refresh=refresh,
            observer=observer or ExportObserver(),
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
) -> ExportSummary:
    """Fetch what a period lacks through a service that is open already; see `export`."""
    if period.start >= period.end:
        raise UsageError(f"the period {period} is empty: --start must lie before --end")
    started = time.monotonic()
    layout = Layout(dataset)
    with writer_lock(layout):
        held = coverage(layout)
        ids = accounts or [account.account_id for account in service.accounts()]
        todo: list[tuple[str, Window]] = []
        covered = 0
        for account_id in dict.fromkeys(ids):
            due, settled = _due(held.of(account_id), period, size, time_zone, refresh=refresh)
            todo += [(account_id, window) for window in due]
            covered += settled
        observer.planned(todo, covered)
        limiter = Limiter(limits, observer)
        files: list[DataFile] = []
        criteria: dict[str, dict[str, Any]] = {}
        for account_id, window in sorted(todo):
            if account_id not in criteria:
                user = service.user_id() if user_id is None else user_id
                criteria[account_id] = _criteria(service, account_id, user, group_by)
            request = _request(account_id, window, time_zone, group_by, criteria[account_id])
            limiter.wait()
            observer.started(account_id, window)
            before = [file for file in files if file.footer.account_id == account_id]
            neighbours = [*held.of(account_id).files, *before]
            origin = Origin(
                "report", account_id, time_zone, window=window, request=request.summary()
            )
            with service.report(request) as body:
                limiter.count()
                files.append(_load(body, layout, origin, neighbours, observer))
    ledger = Ledger.total(file.footer.ledger for file in files)
    return ExportSummary(tuple(files), covered, ledger, time.monotonic() - started)


def _due(
    held: AccountCoverage,
    period: Window,
    size: timedelta | None,
    time_zone: str,
    *,
    refresh: bool,
) -> tuple[list[Window], int]:
    """Windows of an account to fetch, and how many of the period are there and stay."""
    there = {
        window: refresh or _is_provisional(file)
        for file in held.files
        if (window := file.footer.window) and window.overlaps(period)
    }
    again = [window for window, is_due in there.items() if is_due]
    missing = plan(period, size=size, covered=there, time_zone=time_zone)
    return [*again, *missing], len(there) - len(again)


def _is_provisional(file: DataFile) -> bool:
    """Tell whether a window was asked for before it had settled."""
    window, committed_at = file.footer.window, file.footer.committed_at
    if window is None or committed_at is None:
        return False
    return committed_at - timedelta(seconds=file.footer.seconds) < window.end + SETTLING


def _criteria(
    service: ReportService, account_id: str, user_id: int, group_by: GroupBy
) -> dict[str, Any]:
    """Every group, the null one included, and every id in it: all calls of the account."""
    is_profile = group_by == "PROFILE"
    find = service.profile_groups if is_profile else service.destination_groups
    groups: tuple[Group, ...] = find(account_id, user_id)
    ids = dict.fromkeys(child.object_id for group in groups for child in group.children)
    what = "profile" if is_profile else "destination"
    if not ids:
        raise UsageError(f"account {account_id} has no cloud {what}s: choose others with --account")
    return {
        f"cloud_{what}_group_ids": tuple(dict.fromkeys(group.group_id for group in groups)),
        f"cloud_{what}_ids": tuple(ids),
    }


def _request(
    account_id: str, window: Window, time_zone: str, group_by: GroupBy, criteria: dict[str, Any]
) -> ReportRequest:
    from cdr_engine.api import ReportRequest

    zone = ZoneInfo(time_zone)
    return ReportRequest(
        account_id=account_id,
        start=_local(window.start, zone, -1),
        end=_local(window.end - SECOND, zone, +1) + SECOND,
        time_zone=time_zone,
        group_by=group_by,
        **criteria,
    )


def _local(second: datetime, zone: ZoneInfo, outward: int) -> datetime:
    """
    Return the first or last second that is asked for as the wall shows it.

    In an hour that occurs twice the wall cannot say which is meant, and nobody knows which one the
    service takes: there the second moves out of it, as calls that two windows bring are found.
    """
    wall = second.astimezone(zone)
    earlier, later = (wall.replace(fold=fold).utcoffset() for fold in (0, 1))
    repeated = (earlier or timedelta()) - (later or timedelta())
    return wall.replace(tzinfo=None) + outward * repeated


def _load(
    body: ReportBody, layout: Layout, origin: Origin, held: Iterable[DataFile], observer: Observer
) -> DataFile:
    """One window, from its answer to the commit."""
    others = [file for file in held if file.footer.window != origin.window]
    try:
        file = load(body, layout, origin, held=others, observer=observer, judge=_judge)
    except HeaderError as error:
        raise NotAReport(f"the service's answer is not this report: {error}") from error
    assert file is not None, "no digest was named as known"
    return file


def _judge(decoded: Decoded) -> None:
    """
    Refuse a body that is not the report from its first line to its last.

    Raises
    ------
    NotAReport
        If something stands before the header.
    IncompleteReport
        If the service wrote an error where rows should be, or the end is within a record.
    """
    if decoded.ledger.tail_bytes:
        raise IncompleteReport("the report ends within a record, although its framing is complete")
    rejects = decoded.rejects
    if not rejects.num_rows:
        return
    if pc.any(pc.equal(rejects.column("reason"), "before the header")).as_py():
        raise NotAReport("the service's answer does not begin with the report's header")
    records = rejects.filter(pc.is_null(rejects.column("column")))
    is_marked = pc.match_substring(records.column("raw"), WRITTEN_BY_ERRORS[0])
    for mark in WRITTEN_BY_ERRORS[1:]:
        is_marked = pc.or_(is_marked, pc.match_substring(records.column("raw"), mark))
    first = pc.index(is_marked, value=True).as_py()
    if first >= 0:
        at = records.column("byte_offset")[first]
        raise IncompleteReport(f"the service wrote an error into the report at byte {at}")
