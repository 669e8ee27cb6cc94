"""
Whether a dataset holds what the service says now: one coarse window against the fine ones.

A report that is complete by its framing can still be wrong (a replica that lags, a query cut off at
its limit). Nothing in it tells; but the same calls asked for again in one larger window do, as they
are another query. Calls are compared as a multiset: how many, and the sum of a hash of each.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa

from cdr_engine.dataset import Layout, coverage
from cdr_engine.errors import HeaderError, IncompleteReport, NotAReport, UsageError
from cdr_engine.export.fetch import request_of
from cdr_engine.export.limiter import Limiter
from cdr_engine.export.selection import Choice, choose
from cdr_engine.pipeline import read_csv
from cdr_engine.schema import KEY
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from pathlib import Path

    from cdr_engine.api import ReportService
    from cdr_engine.dataset import AccountCoverage
    from cdr_engine.export.bulk import Order
    from cdr_engine.export.observer import ExportObserver

__all__ = ["Comparison", "compare_with_service"]

MOST = timedelta(days=31)
"""Length of a coarse window at most."""


class Comparison(NamedTuple):
    """One coarse window."""

    account_id: str
    window: Window
    n_held: int
    """Calls of the window that the dataset holds."""
    n_reported: int
    """Calls that one report over all of it holds."""
    is_same: bool
    """The same calls, by uii, profile and enqueue_time."""


def compare_with_service(
    service: ReportService,
    dataset: Path,
    order: Order,
    sample: int,
    observer: ExportObserver,
    *,
    seed: int | None = None,
) -> list[Comparison]:
    """
    Ask for so many coarse windows again, each one report call under the rate limit.

    Coarse windows are runs of windows without a gap, a month at most; which ones is left to chance.

    Raises
    ------
    UsageError
        If the dataset has no window of these accounts.
    ApiError
        If the service fails.
    """
    held = coverage(Layout(dataset))
    accounts = {
        account.account_id: account
        for account in held.accounts
        if account.account_id is not None
        and account.windows
        and (not order.accounts or account.account_id in order.accounts)
    }
    coarse = [
        (account_id, window)
        for account_id, account in accounts.items()
        for window in _runs(account.windows)
    ]
    if not coarse:
        raise UsageError("the dataset has no windows to compare: export into it first")
    chosen = random.Random(seed).sample(coarse, min(sample, len(coarse)))
    limiter = Limiter(order.manner.limits, observer, Event())
    user_id = order.user_id if order.user_id is not None else service.user_id()
    found = []
    for account_id, window in sorted(chosen):
        choice = choose(service, account_id, user_id, order.selection)
        if choice is None:
            raise UsageError(f"account {account_id} has no cloud {order.selection.what}s any more")
        limiter.wait()
        observer.started(account_id, window)
        reported = _reported(service, account_id, window, order, choice, limiter)
        there = _held(accounts[account_id], window)
        found.append(Comparison(account_id, window, there[0], reported[0], there == reported))
    return found


def _runs(windows: list[Window]) -> list[Window]:
    """Adjacent windows joined, as long as they are no longer than `MOST`."""
    runs: list[Window] = []
    for window in windows:
        if runs and runs[-1].end == window.start and window.end - runs[-1].start <= MOST:
            runs[-1] = Window(runs[-1].start, window.end)
        else:
            runs.append(window)
    return runs


def _reported(
    service: ReportService,
    account_id: str,
    window: Window,
    order: Order,
    choice: Choice,
    limiter: Limiter,
) -> tuple[int, int]:
    zone = order.manner.time_zone
    with ExitStack() as opened:
        try:
            body = opened.enter_context(
                service.report(request_of(account_id, window, zone, choice))
            )
        finally:
            limiter.count()
        try:
            report = read_csv(body, time_zone=zone)
        except HeaderError as error:
            raise NotAReport(f"the service's answer is not this report: {error}") from error
        reader = pa.RecordBatchReader.from_batches(report.schema, report.to_batches())
        with duckdb.connect() as connection:
            counted = _counted(connection.from_arrow(reader), window)
        if report.ledger.tail_bytes:
            raise IncompleteReport("the report ends within a record")
        return counted


def _held(account: AccountCoverage, window: Window) -> tuple[int, int]:
    paths = [str(file.path) for file in account.files]
    with duckdb.connect() as connection:
        return _counted(connection.read_parquet(paths, union_by_name=True), window)


def _counted(calls: Any, window: Window) -> tuple[int, int]:
    """How many calls of a relation were enqueued in a window, and the sum of their hashes."""
    start, end = (f"timestamptz '{bound.isoformat()}'" for bound in window)
    inside = calls.filter(f"enqueue_time >= {start} and enqueue_time < {end}")
    counted = inside.aggregate(f"count(*), coalesce(sum(hash({', '.join(KEY)})), 0)")
    ((n_calls, checksum),) = counted.fetchall()
    return n_calls, int(checksum)
