"""
Which failures are worth another attempt, when, and which mean that a window is too large.

Pauses have to end when the run is broken off and to hold back all windows at once after a 429, and
what follows the last attempt is a split and not an error: so this is code of its own.
"""

from __future__ import annotations

import random
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

from cdr_engine.errors import (
    ApiError,
    CdrError,
    EmptyReport,
    IncompleteReport,
    NotAReport,
    ServiceRefused,
    ServiceUnreachable,
)

__all__ = ["Patience", "Verdict", "reason_of", "verdict"]

LONGEST_PAUSE_S = 300.0
LONGEST_RETRY_AFTER_S = 3600.0
"""A service that asks for more has to be asked by another run, unless --deadline allows it."""

TOO_LARGE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT})
REFUSED_FOR_GOOD = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class Verdict(Enum):
    """What a failed attempt means."""

    AGAIN = "another attempt may do"
    INCOMPLETE = "another attempt may do, or a smaller window"
    TOO_LARGE = "a smaller window may do"
    GIVE_UP = "this window cannot be had"
    ACCOUNT = "nothing of this account can be had"
    RUN = "nothing can be had"


class Patience(NamedTuple):
    """How long a window is tried for."""

    max_attempts: int = 6
    deadline_s: float | None = None
    """Over all attempts of a window, from its first request on; None for no limit."""
    first_pause_s: float = 2.0

    def pause_s(self, attempt: int, error: CdrError) -> float | None:
        """
        Seconds before the attempt after this one, the first being 1; None if it would be too long.

        `Retry-After` as it is said, plus a little, so that many do not come back in one moment; or
        full jitter: anything up to a bound that doubles from attempt to attempt.
        """
        asked = error.retry_after_s if isinstance(error, ServiceRefused) else None
        if asked is not None:
            longest = max(LONGEST_RETRY_AFTER_S, self.deadline_s or 0)
            return asked + random.uniform(0, 0.1 * self.first_pause_s) if asked <= longest else None
        bound = min(LONGEST_PAUSE_S, self.first_pause_s * 2 ** (attempt - 1))
        return random.uniform(0, bound)


def verdict(error: CdrError) -> Verdict:
    """Judge a failed attempt."""
    if isinstance(error, ServiceRefused):
        if error.status in TOO_LARGE:
            return Verdict.TOO_LARGE
        if error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= 500:
            return Verdict.AGAIN
        return Verdict.ACCOUNT if error.status in REFUSED_FOR_GOOD else Verdict.GIVE_UP
    if isinstance(error, IncompleteReport):
        return Verdict.INCOMPLETE
    if isinstance(error, ServiceUnreachable | EmptyReport | NotAReport):
        return Verdict.AGAIN
    return Verdict.GIVE_UP if isinstance(error, ApiError) else Verdict.RUN


def reason_of(error: CdrError) -> str:
    """The error as one line."""
    return " ".join(str(error).split())
