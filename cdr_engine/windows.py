"""Half-open windows of time, on whole minutes: one request each. Pure arithmetic, no I/O."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from cdr_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Window", "duration_of", "halves", "moment", "plan", "size_of", "subtract"]

STAMP = "%Y%m%dT%H%M%SZ"
SIZE = re.compile(r"([1-9][0-9]{0,4})\s*(h|d|w)")
AGO = re.compile(r"-([1-9][0-9]{0,4})\s*(h|d|w)")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
DURATION = re.compile(r"([1-9][0-9]{0,5})\s*(s|min|h|d)")
DURATION_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
SETTLING = timedelta(minutes=15)
"""A window asked for sooner than this after its end may lack calls, and is fetched again."""

SMALLEST = timedelta(hours=1)
"""No window is split below this: a report call is scarce, and an hour is small everywhere."""


class Window(NamedTuple):
    """Instants in UTC: `start` belongs to the window, `end` does not."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """Name of its data file, without suffix; names sort as windows do."""
        return f"{self.start.strftime(STAMP)}--{self.end.strftime(STAMP)}"

    @classmethod
    def named(cls, name: str) -> Window | None:
        """Return the window that a data file's name stands for; None where it is no window's."""
        start, _, end = name.partition("--")
        try:
            return cls(
                *(datetime.strptime(text, STAMP).replace(tzinfo=UTC) for text in (start, end))
            )
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    def overlaps(self, other: Window) -> bool:
        """Tell whether the two have an instant in common."""
        return self.start < other.end and other.start < self.end


def moment(text: str, *, time_zone: str, now: datetime) -> datetime:
    """
    Read a date, a time or a relative day as an instant in UTC.

    `2026-11-01`, `2026-11-01 06:30`, an ISO time with offset, `today`, `yesterday`, `now`, `-30d`
    (also `h`, `w`: midnight that long ago for days and weeks). Without an offset it is local time
    of the zone; where DST makes that ambiguous, the earlier.

    Raises
    ------
    UsageError
        If it is none of these, or not on a whole minute.
    """
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time())
    ago = AGO.fullmatch(text.strip().lower())
    words = {"today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text.strip().lower() == "now" or (ago and ago[2] == "h"):
        hours = int(ago[1]) if ago else 0
        return (now.astimezone(UTC) - timedelta(hours=hours)).replace(second=0, microsecond=0)
    if ago:
        found = midnight - int(ago[1]) * UNITS[ago[2]]
    elif text.strip().lower() in words:
        found = words[text.strip().lower()]
    else:
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError:
            raise UsageError(
                f"{text!r} is no date or time: write 2026-11-01, '2026-11-01 06:30', yesterday "
                "or -30d"
            ) from None
    aware = found if found.tzinfo else found.replace(tzinfo=zone)
    try:
        instant = aware.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{text!r} is beyond the years 1 to 9999") from None
    if instant.second or instant.microsecond:
        raise UsageError(f"{text!r} is not on a whole minute, as windows are")
    return instant


def size_of(text: str) -> timedelta | None:
    """
    Read the size of a window: `1d`, `12h`, `2w`; None for `auto`, a calendar month at most.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if text == "auto":
        return None
    found = SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"window {text!r}: write auto, or a size such as 12h, 1d or 2w")
    return int(found[1]) * UNITS[found[2]]


def duration_of(text: str) -> float:
    """
    Read a duration, in seconds: `90s`, `15min`, `2h`, `1d`.

    Raises
    ------
    UsageError
        If it is none.
    """
    found = DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"duration {text!r}: write 90s, 15min, 2h or 1d")
    return float(int(found[1]) * DURATION_UNITS[found[2]])


def halves(window: Window) -> tuple[Window, Window] | None:
    """Two windows in the place of one, cut on a whole hour; None where it is too small for that."""
    hours = (window.end - window.start) // SMALLEST
    if hours < 2:
        return None
    middle = window.start + hours // 2 * SMALLEST
    return Window(window.start, middle), Window(middle, window.end)


def subtract(period: Window, covered: Iterable[Window]) -> list[Window]:
    """Return what of a period is not covered, in order."""
    gaps = []
    start = period.start
    for window in sorted(covered):
        if window.end <= start or window.start >= period.end:
            continue
        if window.start > start:
            gaps.append(Window(start, window.start))
        start = max(start, window.end)
    if start < period.end:
        gaps.append(Window(start, period.end))
    return gaps


def plan(
    period: Window, *, size: timedelta | None, covered: Iterable[Window], time_zone: str
) -> list[Window]:
    """
    Windows that together are the period less what is covered; none of them overlap.

    Bounds stand on the local midnights of the zone (or multiples of a smaller size from there; of
    a larger size that is not whole days, as 36h, on multiples from 1970-01-01 UTC), so that the
    same period asked for again is cut at the same places.
    """
    zone = ZoneInfo(time_zone)
    windows = []
    for gap in subtract(period, covered):
        start = gap.start
        while start < gap.end:
            end = min(_next_bound(start, size, zone), gap.end)
            windows.append(Window(start, end))
            start = end
    return windows


EPOCH = date(1970, 1, 1)
INSTANT_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def _next_bound(start: datetime, size: timedelta | None, zone: ZoneInfo) -> datetime:
    local = start.astimezone(zone)
    if size is None:
        year, month = divmod(local.year * 12 + local.month, 12)
        return _midnight(date(year, month + 1, 1), zone, after=start)
    if size > UNITS["d"] and size % UNITS["d"]:
        return start + size - (start - INSTANT_ZERO) % size
    if size < UNITS["d"]:
        past = (start - _midnight(local.date(), zone)) // size
        bound = _midnight(local.date(), zone) + (past + 1) * size
        return min(bound, _midnight(local.date() + UNITS["d"], zone, after=start))
    days = size // UNITS["d"]
    past = (local.date() - EPOCH).days % days
    return _midnight(local.date() + timedelta(days=days - past), zone, after=start)


def _midnight(day: date, zone: ZoneInfo, *, after: datetime | None = None) -> datetime:
    """Where a day begins; of two midnights, as clocks may be set back, the one after an instant."""
    first = datetime.combine(day, time(), zone)
    bound = first.astimezone(UTC)
    return first.replace(fold=1).astimezone(UTC) if after and bound <= after else bound
