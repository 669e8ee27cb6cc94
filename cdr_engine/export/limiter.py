"""One rate limit for all report calls of an export, learned downwards from the service."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition
from typing import TYPE_CHECKING

from cdr_engine.errors import CdrError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdr_engine.settings import RateLimit

__all__ = ["Limiter", "Stopped"]

SLOWER = 1.5
"""A call that is refused although the limit was kept stretches its periods by this factor."""
SLOWEST = 8.0
FASTER_AFTER = 20
"""Calls answered in a row after which one such step is taken back."""


class Stopped(CdrError):
    """The export is ending: what was under way is given up."""


class Limiter:
    """
    Lets report calls through one at a time, as fast as every limit allows.

    A call counts from its answer on: the service has counted it by then, whatever the way took.
    Until then it holds one place of every limit.

    Parameters
    ----------
    limits
        Calls in so many seconds; none for no limit.
    waiting
        Told before a wait, with its seconds.
    """

    def __init__(self, limits: Iterable[RateLimit], waiting: Callable[[float], None]) -> None:
        self._limits = tuple(limits)
        self._waiting = waiting
        self._answers: deque[float] = deque(maxlen=max((n for n, _ in self._limits), default=1))
        self._under_way = 0
        self._not_before = 0.0
        self._stretch = 1.0
        self._in_a_row = 0
        self._is_stopped = False
        self._changed = Condition()

    def acquire(self) -> None:
        """
        Wait until a call is allowed, and hold its place until `release`.

        Raises
        ------
        Stopped
            If `stop` was called meanwhile.
        """
        told = 0.0
        with self._changed:
            while True:
                if self._is_stopped:
                    raise Stopped("the export is ending")
                due, has_place = self._due()
                left = due - time.monotonic()
                if has_place and left <= 0:
                    self._under_way += 1
                    return
                if has_place and due > told:
                    told = due
                    self._waiting(left)
                self._changed.wait(left if has_place else None)

    def release(self) -> None:
        """Take note of an answer, or that none will come."""
        with self._changed:
            self._under_way -= 1
            self._answers.append(time.monotonic())
            self._in_a_row += 1
            if self._in_a_row >= FASTER_AFTER and self._stretch > 1:
                self._stretch = max(1.0, self._stretch / SLOWER)
                self._in_a_row = 0
            self._changed.notify_all()

    def refused(self, retry_after_s: float) -> None:
        """Slow down: the service allows less than the limits do, and nothing before so long."""
        with self._changed:
            self._stretch = min(SLOWEST, self._stretch * SLOWER)
            self._in_a_row = 0
            self._not_before = max(self._not_before, time.monotonic() + retry_after_s)

    def pause(self, seconds: float) -> None:
        """
        Sleep, but wake up when the export ends.

        Raises
        ------
        Stopped
            If `stop` was called meanwhile.
        """
        with self._changed:
            if self._changed.wait_for(lambda: self._is_stopped, seconds):
                raise Stopped("the export is ending")

    def stop(self) -> None:
        """Let nothing through any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _due(self) -> tuple[float, bool]:
        """When the next call is allowed, and whether those under way leave it a place at all."""
        due = self._not_before
        for calls, period in self._limits:
            free = calls - self._under_way
            if free <= 0:
                return due, False
            if len(self._answers) >= free:
                due = max(due, self._answers[-free] + period * self._stretch)
        return due, True
