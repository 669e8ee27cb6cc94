"""What becomes of a window that failed: asked for again, in parts, or given up."""

from __future__ import annotations

import random
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, NamedTuple

from cdr_engine.errors import ApiError, IncompleteReport, ServiceRefused
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from cdr_engine.export.observer import Job

__all__ = ["Persistence", "Verdict", "halves"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

WORTH_REPEATING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
"""Refusals below 500 that say come back later; every other one will be the same again."""
TOO_MUCH = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Refusals that a smaller window may not meet."""
SPLIT_AFTER = 3
"""Failures on size or time after which a window is asked for in parts."""

Verdict = Literal["again", "in parts", "given up"]


class Persistence(NamedTuple):
    """How long to go on with one window."""

    max_attempts: int = 6
    deadline_s: float = 7200
    """From its first request; waiting for the rate limit counts as well."""
    first_pause_s: float = 2
    longest_pause_s: float = 300

    def pause_s(self, error: ApiError, attempts: int) -> float:
        """
        Seconds before the next attempt: what the service asks for, else full jitter.

        "Full jitter" after Brooker, Exponential Backoff and Jitter (AWS, 2015): anything between
        nothing and a bound that doubles with every failure.
        """
        asked = error.retry_after_s if isinstance(error, ServiceRefused) else None
        if asked is not None:
            return asked + random.uniform(0, 1)
        return random.uniform(0, min(self.longest_pause_s, self.first_pause_s * 2**attempts))

    def verdict(
        self, job: Job, error: ApiError, attempts: int, seconds: float, pause_s: float
    ) -> Verdict:
        """Decide after so many attempts in so many seconds."""
        status = error.status if isinstance(error, ServiceRefused) else None
        is_too_much = isinstance(error, IncompleteReport) or status in TOO_MUCH
        if is_too_much and attempts >= min(SPLIT_AFTER, self.max_attempts) and halves(job):
            return "in parts"
        if status is not None and status < 500 and status not in WORTH_REPEATING:
            return "given up"
        if attempts >= self.max_attempts or seconds + pause_s > self.deadline_s:
            return "in parts" if is_too_much and halves(job) else "given up"
        return "again"


def halves(job: Job) -> tuple[Window, Window] | None:
    """
    Two parts of a window, of whole days or whole hours; None where it cannot be split.

    An hour is the least, and a window that replaces one that is there keeps its bounds.
    """
    start, end = job.window
    unit = DAY if end - start >= 2 * DAY else HOUR
    middle = start + (end - start) // 2 // unit * unit
    if job.is_there or not start < middle < end:
        return None
    return Window(start, middle), Window(middle, end)
