"""
Instants and wall clocks.

The simulator has its own conversion: it shares no code with the engine that is tested against it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAY_S", "EASTERN", "epoch_seconds", "instant", "local_seconds", "zone_of"]

DAY_S = 86_400
"""Seconds of a UTC day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """
    Return the time zone of a tz database name, legacy aliases included.

    Raises
    ------
    ValueError
        There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        message = "not a name of the tz database"
        raise ValueError(message) from error


EASTERN = zone_of("America/New_York")
"""The clock that call ids start with, and the one the centres live by."""


def instant(epoch_s: int) -> datetime:
    """Return the aware UTC datetime of seconds since 1970; works far from it, too."""
    return _EPOCH + timedelta(seconds=epoch_s)


def epoch_seconds(moment: datetime) -> int:
    """Return whole seconds since 1970 of an aware datetime, rounded down."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def _offset(epoch_s: int, zone: ZoneInfo) -> int:
    offset = instant(epoch_s).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def local_seconds(utc_s: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """
    Turn instants into wall-clock seconds, counted as if the wall clock were UTC.

    The instants must lie within a few days of each other: at most one change of the offset is
    looked for among them, by bisection.
    """
    if not len(utc_s):
        return utc_s
    low, high = int(utc_s.min()), int(utc_s.max())
    before, after = _offset(low, zone), _offset(high, zone)
    if before == after:
        return utc_s + before
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return utc_s + np.where(utc_s < high, before, after)
