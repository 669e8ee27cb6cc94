"""
Fetch windows side by side, again and in parts where they fail, and commit each.

Threads take windows from one list under one rate limit. Whatever one of them meets that would stop
all the others too (a token that is refused, a full disk) ends the run; a window that fails for
itself does not. When nothing at all succeeds any more, the rest is not tried.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.compute as pc

from cdr_engine.dataset import Holdings
from cdr_engine.errors import (
    ApiError,
    HeaderError,
    IncompleteReport,
    NotAReport,
    ServiceRefused,
    ServiceUnreachable,
)
from cdr_engine.export.asking import NothingToAsk, Selection
from cdr_engine.export.limiter import Limiter, Stopped
from cdr_engine.export.observer import ExportObserver, FailedWindow, Job
from cdr_engine.export.retries import Persistence, halves
from cdr_engine.pipeline import Observer, Origin, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdr_engine.api import ReportService
    from cdr_engine.columns import Decoded
    from cdr_engine.dataset import Coverage, DataFile, Layout
    from cdr_engine.export.planning import Todo
    from cdr_engine.settings import RateLimit

__all__ = ["Run", "Terms"]

WRITTEN_BY_ERRORS = (b'"errorCode"', b'"generalMessage"', b'"developerMessage"', b"<html")
"""Marks of an error that the service wrote into a body it had already begun."""

HOPELESS = 12
"""Failures in a row, over all windows and without one success, that end the run; or three a job."""
TOO_MANY_REQUESTS = 429
REFUSED_PAUSE_S = 60
"""Before anything is asked for again after a 429 that does not say when."""
FAREWELL_S = 4
"""That threads are given to end when the run is interrupted."""
LOOK_S = 0.2
"""Between two looks at the threads; signals are seen in between."""


class Terms(NamedTuple):
    """How an export goes about it."""

    selection: Selection
    time_zone: str
    accounts: tuple[str, ...] = ()
    """Those that were named; one of them without calls to ask for is an error."""
    user_id: int | None = None
    limits: tuple[RateLimit, ...] = ()
    jobs: int = 1
    persistence: Persistence = Persistence()


class Run:
    """
    One export while it runs.

    Parameters
    ----------
    service, layout, held
        Where the windows come from, where they go, and what is there.
    todo
        What to fetch.
    terms
        How.
    observer
        Told of everything, by one thread at a time.
    """

    def __init__(
        self,
        service: ReportService,
        layout: Layout,
        held: Coverage,
        todo: Todo,
        terms: Terms,
        observer: ExportObserver,
    ) -> None:
        self._service = service
        self._layout = layout
        self._todo = todo
        self._terms = terms
        self._observer = observer
        self._telling = Lock()
        self._limiter = Limiter(terms.limits, lambda seconds: self._tell("waiting", seconds))
        accounts = {job.account_id for job in todo.jobs()}
        self._holdings = {account: Holdings(held.of(account).files) for account in accounts}
        self._criteria: dict[str, dict[str, Any]] = {}
        self._asking = Lock()
        self._user_id = terms.user_id
        self._in_a_row = 0
        self._is_ending = False
        self._fatal: BaseException | None = None
        self.files: list[DataFile] = []
        self.failed: list[FailedWindow] = []
        self.splits = 0

    def to_the_end(self) -> None:
        """
        Fetch everything there is to do.

        Raises
        ------
        CdrError
            What would stop every window; those committed before stay.
        """
        count = min(self._terms.jobs, len(self._todo.jobs()))
        threads = [Thread(target=self._work, name=f"window-{n}", daemon=True) for n in range(count)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(LOOK_S)
        except BaseException:
            self._end()
            until = time.monotonic() + FAREWELL_S
            for thread in threads:
                thread.join(max(0.0, until - time.monotonic()))
            raise
        if self._fatal is not None:
            raise self._fatal
        reason = ServiceUnreachable("not tried, as the service failed again and again")
        for job in self._todo.jobs():
            self._give_up(FailedWindow(job.account_id, job.window, reason, 0))

    def _end(self) -> None:
        """Have every thread end: those that wait, those that read, those that look for more."""
        self._is_ending = True
        self._todo.close()
        self._limiter.stop()
        self._service.abort()

    def _work(self) -> None:
        while (job := self._todo.take()) is not None:
            parts: list[Job] = []
            file = None
            try:
                file, parts = self._window(job)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
                if self._fatal is None:
                    self._fatal = error
                self._end()
                return
            finally:
                if self._todo.done(parts, weighs=file):
                    self._tell("resized", len(self._todo.jobs()))

    def _window(self, job: Job) -> tuple[DataFile | None, list[Job]]:
        """Fetch one window; returns its file, or the parts to fetch instead of it, or neither."""
        attempts = 0
        began = 0.0
        while True:
            try:
                request = self._request(job)
                self._limiter.acquire()
                began = began or time.monotonic()
                attempts += 1
                file = self._attempt(job, request)
            except ApiError as error:
                if self._is_ending:
                    raise Stopped("the export is ending") from error
                seconds = time.monotonic() - began if began else 0.0
                attempts = max(1, attempts)
                self._count_failure(error)
                pause_s = self._terms.persistence.pause_s(error, attempts)
                verdict = self._terms.persistence.verdict(job, error, attempts, seconds, pause_s)
                if self._todo.is_closed:
                    verdict = "given up"
                if verdict == "again":
                    self._tell("retrying", job.account_id, job.window, error, attempts, pause_s)
                    self._limiter.pause(pause_s)
                    continue
                parts = halves(job) if verdict == "in parts" else None
                if parts is None:
                    self._give_up(FailedWindow(job.account_id, job.window, error, attempts))
                    return None, []
                self.splits += 1
                self._tell("split", job.account_id, job.window, parts)
                return None, [Job(job.account_id, part) for part in parts]
            except NothingToAsk:
                if job.account_id in self._terms.accounts:
                    raise
                self._todo.leave_out(job.account_id)
                return None, []
            self._in_a_row = 0
            self.files.append(file)
            return file, []

    def _request(self, job: Job) -> Any:
        """Return the request for a window; ids are looked up once an account."""
        with self._asking:
            if job.account_id not in self._criteria:
                if self._user_id is None:
                    self._user_id = self._service.user_id()
                self._criteria[job.account_id] = self._terms.selection.criteria(
                    self._service, job.account_id, self._user_id
                )
        criteria = self._criteria[job.account_id]
        return self._terms.selection.request(job, self._terms.time_zone, criteria)

    def _attempt(self, job: Job, request: Any) -> DataFile:
        """One window, from its request to the commit."""
        self._tell("started", job.account_id, job.window)
        origin = Origin(
            "report",
            job.account_id,
            self._terms.time_zone,
            window=job.window,
            request=request.summary() | self._terms.selection.footnote(),
        )
        with ExitStack() as open_body:
            try:
                body = open_body.enter_context(self._service.report(request))
            finally:
                self._limiter.release()
            try:
                file = load(
                    body,
                    self._layout,
                    origin,
                    holdings=self._holdings[job.account_id],
                    observer=_OfWindow(self._tell, job),
                    judge=_judge,
                    jobs=self._terms.jobs,
                )
            except HeaderError as error:
                raise NotAReport(f"the service's answer is not this report: {error}") from error
        assert file is not None, "no digest was named as known"
        return file

    def _count_failure(self, error: ApiError) -> None:
        if isinstance(error, ServiceRefused) and error.status == TOO_MANY_REQUESTS:
            asked = error.retry_after_s
            self._limiter.refused(REFUSED_PAUSE_S if asked is None else asked)
            return
        self._in_a_row += 1
        if self._in_a_row >= max(HOPELESS, 3 * self._terms.jobs):
            self._todo.close()

    def _give_up(self, failure: FailedWindow) -> None:
        self.failed.append(failure)
        self._tell("failed", failure)

    def _tell(self, what: str, *facts: Any) -> None:
        with self._telling:
            getattr(self._observer, what)(*facts)


class _OfWindow(Observer):
    """What loading one window tells, passed on with the window's name."""

    def __init__(self, tell: Callable[..., None], job: Job) -> None:
        self._tell = tell
        self._job = job

    def advanced(self, body_bytes: int, rows: int) -> None:
        self._tell("progressed", self._job.account_id, self._job.window, body_bytes, rows)

    def committed(self, file: DataFile) -> None:
        self._tell("committed", file)


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
