"""
Windows side by side: a few threads take tasks, try each with patience, split what is too large.

Each thread holds one window and reads, decodes and writes it on its own. Only the commit is one at
a time: there a window leaves out what others of its account have committed since it began, so a
call that two windows bring is kept once, whatever their order and number.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from itertools import count
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.dataset import read_footer
from cdr_engine.errors import CdrError, ServiceRefused
from cdr_engine.export.fetch import WatchedBody, load_window, origin_of, request_of
from cdr_engine.export.limiter import Limiter, Stopped, pause
from cdr_engine.export.observer import Advance, Failure, Split, Told
from cdr_engine.export.plan import Task, sized
from cdr_engine.export.retry import Patience, Verdict, reason_of, verdict
from cdr_engine.windows import halves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cdr_engine.api import ReportService
    from cdr_engine.dataset import Coverage, DataFile, Layout
    from cdr_engine.export.selection import Choice
    from cdr_engine.settings import RateLimit

__all__ = ["Manner", "Runner"]

STOP_S = 3.0
"""What a thread gets to end after a stop; one that waits for the service may not notice."""


class Manner(NamedTuple):
    """How the service is asked."""

    time_zone: str
    limits: tuple[RateLimit, ...]
    jobs: int = 4
    patience: Patience = Patience()
    is_auto: bool = False
    """Windows are sized by what others weighed."""


class Attempted(NamedTuple):
    """A task and what is known of its origin."""

    task: Task
    root: Task
    """The task of the plan that this one is a part of."""


class Runner:
    """
    One run over the tasks of a plan; the writer's lock of the dataset is held by the caller.

    Parameters
    ----------
    held
        What the dataset holds when the run begins.
    choices
        What is asked for, by account.
    """

    def __init__(
        self,
        service: ReportService,
        layout: Layout,
        held: Coverage,
        choices: Mapping[str, Choice],
        manner: Manner,
        observer: Told,
    ) -> None:
        self._service = service
        self._layout = layout
        self._choices = choices
        self._manner = manner
        self._told = observer
        self._stop = Event()
        self._limiter = Limiter(manner.limits, observer, self._stop)
        self._there = {
            account_id: {file.footer.name: file for file in held.of(account_id).files}
            for account_id in choices
        }
        self._queue: deque[Attempted] = deque()
        self._busy = 0
        self._changed = Condition()
        self._committing = Lock()
        self._is_closed = False
        self._hopeless: set[Task | str] = set()
        self._fatal: BaseException | None = None
        self.files: list[DataFile] = []
        self.splits: list[Split] = []
        self.failures: list[Failure] = []
        self.retries = 0
        self.first_error: CdrError | None = None
        """Why the first window was given up."""

    def run(self, tasks: tuple[Task, ...]) -> None:
        """
        Work until nothing is left to do; `failures` says what was given up.

        Raises
        ------
        CdrError
            At once, if an error would meet every window: a refused token, a full disk.
        """
        self._queue.extend(Attempted(task, task) for task in tasks)
        threads = [
            Thread(target=self._work, name=f"window-{n}", daemon=True)
            for n in range(min(self._manner.jobs, max(len(tasks), 1)))
        ]
        try:
            for thread in threads:
                thread.start()
            with self._changed:
                while (self._queue or self._busy) and self._fatal is None:
                    self._changed.wait(1.0)
        finally:
            self._end(threads)
        if self._fatal is not None:
            raise self._fatal

    def _end(self, threads: list[Thread]) -> None:
        """Let no thread go on or commit; what those leave that hang is removed here."""
        is_whole = not self._queue and not self._busy and self._fatal is None
        self._stop.set()
        if not is_whole:
            self._service.abort()
        until = time.monotonic() + STOP_S
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))
        with self._committing:
            self._is_closed = True
        if any(thread.is_alive() for thread in threads):
            for path in self._layout.leftovers():
                path.unlink(missing_ok=True)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            try:
                self._fetch(taken)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001 - handed to the thread that called run
                self._fatal = self._fatal or error
                self._stop.set()
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _take(self) -> Attempted | None:
        """Next task, cut to size; None when nothing is left and nobody can add anything."""
        with self._changed:
            while not self._queue and self._busy and not self._stop.is_set():
                self._changed.wait(1.0)
            if self._stop.is_set() or not self._queue:
                return None
            taken = self._queue.popleft()
            if self._manner.is_auto and taken.task == taken.root:
                files = self._there[taken.task.account_id].values()
                first, *rest = sized(taken.task, files, self._manner.time_zone)
                self._queue.extendleft(Attempted(task, task) for task in rest)
                taken = Attempted(first, first)
                if rest:
                    self._note_split(first, rest[0])
            self._busy += 1
            return taken

    def _note_split(self, task: Task, rest: Task) -> None:
        """Tell of a window that is cut before it is asked for, by what others weighed."""
        whole = task.window._replace(end=rest.window.end)
        reason = "windows before it weighed more than a request aims at"
        split = Split(task.account_id, whole, (task.window, rest.window), reason)
        self.splits.append(split)
        self._told.split(split)

    def _fetch(self, taken: Attempted) -> None:
        """Try a task until it is committed, split or given up."""
        account_id, window, _ = taken.task
        if account_id in self._hopeless:
            self._give_up(taken, "not asked for: the account was refused before")
            return
        began: float | None = None
        too_large = 0
        for attempt in count(1):
            self._limiter.wait()
            began = began or time.monotonic()
            try:
                self._attempt(taken.task, began)
            except CdrError as error:
                if self._stop.is_set():
                    raise Stopped from error
                judged = verdict(error)
                if judged is Verdict.RUN:
                    raise
                too_large += judged is Verdict.TOO_LARGE
                seconds = self._pause_s(error, judged, attempt, too_large, began)
                if seconds is None:
                    self._leave(taken, judged, error)
                    return
                self.retries += 1
                self._told.retrying(account_id, window, attempt, reason_of(error), seconds)
                if isinstance(error, ServiceRefused) and error.status == 429:
                    self._limiter.slow_down(seconds)
                pause(seconds, self._stop)
            else:
                return

    def _pause_s(
        self, error: CdrError, judged: Verdict, attempt: int, too_large: int, began: float
    ) -> float | None:
        """Seconds before the next attempt; None where there is to be none."""
        patience = self._manner.patience
        if judged in (Verdict.GIVE_UP, Verdict.ACCOUNT) or too_large > 1:
            return None
        seconds = patience.pause_s(attempt, error)
        if seconds is None or attempt >= patience.max_attempts:
            return None
        spent = time.monotonic() - began
        is_late = patience.deadline_s is not None and spent + seconds > patience.deadline_s
        return None if is_late else seconds

    def _leave(self, taken: Attempted, judged: Verdict, error: CdrError) -> None:
        """Split what may be too large, else give it up."""
        task, root = taken
        parts = None if task.is_there or root in self._hopeless else halves(task.window)
        if judged in (Verdict.INCOMPLETE, Verdict.TOO_LARGE) and parts is not None:
            split = Split(task.account_id, task.window, parts, reason_of(error))
            self.splits.append(split)
            self._told.split(split)
            with self._changed:
                self._queue.extendleft(
                    Attempted(task._replace(window=part), root) for part in reversed(parts)
                )
                self._changed.notify_all()
            return
        self.first_error = self.first_error or error
        self._hopeless.add(task.account_id if judged is Verdict.ACCOUNT else root)
        self._give_up(taken, reason_of(error))

    def _give_up(self, taken: Attempted, reason: str) -> None:
        failure = Failure(taken.task.account_id, taken.task.window, reason)
        self.failures.append(failure)
        self._told.failed(failure)

    def _attempt(self, task: Task, began: float) -> None:
        """Ask once, after the limiter has let it, and commit what comes."""
        account_id, window, _ = task
        choice = self._choices[account_id]
        request = request_of(account_id, window, self._manner.time_zone, choice)
        deadline_s = self._manner.patience.deadline_s
        ends_at = None if deadline_s is None else began + deadline_s
        counting = Once(self._limiter.count)
        advance = Advance(self._told)
        try:
            self._told.started(account_id, window)
            with self._service.report(request) as body:
                counting()
                with self._committing:
                    seen = dict(self._there[account_id])
                load_window(
                    WatchedBody(body, self._stop, ends_at),
                    self._layout,
                    origin_of(request, window, choice),
                    held=[file for name, file in seen.items() if name != window.name],
                    observer=advance,
                    committing=lambda: self._commit(account_id, window.name, seen),
                    jobs=self._manner.jobs,
                )
        except BaseException:
            advance.advanced(0, 0)
            raise
        finally:
            counting()

    @contextmanager
    def _commit(
        self, account_id: str, name: str, seen: dict[str, DataFile]
    ) -> Iterator[list[DataFile]]:
        """Hold the others off while a window is committed; give what they committed meanwhile."""
        with self._committing:
            if self._is_closed or self._stop.is_set():
                raise Stopped
            yield [
                file
                for key, file in self._there[account_id].items()
                if key != name and seen.get(key) is not file
            ]
            file = read_footer(self._layout.place(account_id, name).calls)
            self._there[account_id][name] = file
            self.files.append(file)


class Once:
    """Calls a function the first time it is called itself."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def __call__(self) -> None:
        """Call it, or do nothing."""
        function, self._function = self._function, None
        if function is not None:
            function()
