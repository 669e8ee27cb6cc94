"""
One rate limit for all windows that run side by side.

A report call counts from its answer on (the service has counted it by then, whatever the way took),
and until its answer as one of this very moment. When the service says 429 all the same, its own
limit is narrower than was thought, or others share it: nobody calls until it may be asked again,
and every period is stretched for the rest of the run.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdr_engine.export.observer import ExportObserver
    from cdr_engine.settings import RateLimit

__all__ = ["Limiter", "Stopped"]

STRETCH, MOST_STRETCH = 1.25, 4.0
"""Every 429 makes the periods a quarter longer, up to four times."""

ALERT_S = 0.2
"""Longest time until a pause takes note of a stop."""


class Stopped(BaseException):
    """The run was broken off; no window is to go on."""


class Limiter:
    """
    Waits until another report call is allowed by every limit.

    Parameters
    ----------
    limits
        None for calls without pause.
    observer
        Told before each pause.
    stop
        Ends every pause with `Stopped`.
    """

    def __init__(
        self, limits: Iterable[RateLimit], observer: ExportObserver, stop: Event | None = None
    ) -> None:
        self._limits = tuple(limits)
        self._answers: deque[float] = deque(maxlen=max((n for n, _ in self._limits), default=1))
        self._unanswered = 0
        self._stretch = 1.0
        self._not_before = 0.0
        self._observer = observer
        self._stop = stop or Event()
        self._changed = Condition()

    def wait(self) -> None:
        """Block until a call is allowed, and take its place; `count` has to follow."""
        told_until = 0.0
        with self._changed:
            while True:
                if self._stop.is_set():
                    raise Stopped
                now = time.monotonic()
                due = self._due(now)
                if due <= now:
                    self._unanswered += 1
                    return
                if told_until < due < float("inf"):
                    self._observer.waiting(due - now)
                    told_until = due + 1
                self._changed.wait(min(ALERT_S, due - now))

    def count(self) -> None:
        """Take note of an answer."""
        with self._changed:
            self._unanswered -= 1
            self._answers.append(time.monotonic())
            self._changed.notify_all()

    def slow_down(self, seconds: float) -> None:
        """Let nobody call for some seconds, and everybody less often from now on."""
        with self._changed:
            self._not_before = max(self._not_before, time.monotonic() + seconds)
            self._stretch = min(self._stretch * STRETCH, MOST_STRETCH)

    def _due(self, now: float) -> float:
        """When the next call is allowed; infinity where that depends on an answer to come."""
        due = self._not_before
        for calls, period in self._limits:
            if self._unanswered >= calls:
                return float("inf")
            place = calls - self._unanswered
            if len(self._answers) >= place:
                due = max(due, self._answers[-place] + period * self._stretch)
        return max(due, now) if due > now else now


def pause(seconds: float, stop: Event) -> None:
    """Sleep, unless the run is broken off: then raise `Stopped` at once."""
    if stop.wait(seconds):
        raise Stopped
