"""
Local times of the report into instants: the one place where time is converted.

The report prints `M/D/YY h:mm AM` in the request's zone (vendor's page, example response). Four
digits of a year, seconds, a 24-hour clock and U+202F before AM/PM occur as well and are read.

Strategy. A text splits into a date and a time, and both repeat: few dates in a block, at most 1,440
minutes in a day. Each is parsed once and kept, so that an instant costs two look-ups and a sum.
Only on the few days on which the zone changes its offset is every time asked for by itself.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Clock", "Instants"]

DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([1-9][0-9]{3}|[0-9]{2})")
TIME = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:[ \u00a0\u202f]?([AaPp])[Mm])?",
)
DAY_S = 86_400
KEPT = 100_000
"""Dates, or times, kept at most: far more than a body holds unless it is hostile."""


class Instants(NamedTuple):
    """Milliseconds since 1970 in UTC, None for what is no time; and which ones DST concerned."""

    values: list[int | None]
    ambiguous: list[int]
    """Positions of local times that occur twice; the earlier instant was taken."""
    missing: list[int]
    """Positions of local times that are skipped; moved forward by the gap."""


class _Dates(dict[str, tuple[int, bool] | None]):
    """Date text to (its midnight as a UTC second, whether the zone's offset changes on it)."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, text: str) -> tuple[int, bool] | None:
        if len(self) >= KEPT:
            self.clear()
        found = DATE.fullmatch(text)
        day = None
        if found is not None:
            month, of_month, year = map(int, found.groups())
            try:
                local = datetime(year + 2000 if year < 100 else year, month, of_month, tzinfo=UTC)
                day = self._day(local.replace(tzinfo=None))
            except (ValueError, OverflowError):
                day = None
        self[text] = day
        return day

    def _day(self, midnight: datetime) -> tuple[int, bool]:
        quarters = (midnight + timedelta(minutes=15 * n) for n in range(97))
        offsets = {
            moment.replace(tzinfo=self._zone, fold=fold).utcoffset()
            for moment in quarters
            for fold in (0, 1)
        }
        local_s = int(midnight.replace(tzinfo=UTC).timestamp())
        if len(offsets) > 1:
            return local_s, True
        (offset,) = offsets
        return local_s - _seconds(offset), False


class _Times(dict[str, int | None]):
    """Time text to seconds since midnight."""

    def __missing__(self, text: str) -> int | None:
        if len(self) >= KEPT:
            self.clear()
        found = TIME.fullmatch(text)
        seconds = None
        if found is not None:
            hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3))
            half = found[4]
            is_valid = minute < 60 and second < 60 and (1 <= hour <= 12 if half else hour < 24)
            if half:
                hour = hour % 12 + (12 if half in "Pp" else 0)
            seconds = hour * 3600 + minute * 60 + second if is_valid else None
        self[text] = seconds
        return seconds


class Clock:
    """
    Reads local times of one zone.

    Parameters
    ----------
    time_zone
        TZ database name, legacy links such as US/Arizona included.

    Raises
    ------
    zoneinfo.ZoneInfoNotFoundError
        If there is no such zone.
    """

    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone
        self._dates = _Dates(ZoneInfo(time_zone))
        self._times = _Times()

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def instants(self, texts: Iterable[str | None]) -> Instants:
        """Read distinct texts, surrounding spaces removed, to milliseconds since 1970 in UTC."""
        values: list[int | None] = []
        ambiguous: list[int] = []
        missing: list[int] = []
        dates, times = self._dates, self._times
        for at, text in enumerate(texts):
            date, _, time = (text or "").partition(" ")
            day, seconds = dates[date], times[time.lstrip(" ")]
            if day is None or seconds is None:
                values.append(None)
            elif not day[1]:
                values.append((day[0] + seconds) * 1000)
            else:
                instant, gap = self._on_a_day_of_change(day[0] + seconds)
                values.append(instant)
                if gap > 0:
                    ambiguous.append(at)
                elif gap < 0:
                    missing.append(at)
        return Instants(values, ambiguous, missing)

    def _on_a_day_of_change(self, local_s: int) -> tuple[int, int]:
        """UTC milliseconds, and by how many seconds the second reading of this time is earlier."""
        local = datetime.fromtimestamp(local_s, UTC)
        first = _seconds(local.replace(tzinfo=self._zone, fold=0).utcoffset())
        second = _seconds(local.replace(tzinfo=self._zone, fold=1).utcoffset())
        return (local_s - first) * 1000, first - second


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset.days * DAY_S + offset.seconds
