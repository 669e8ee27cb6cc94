"""
Which windows to fetch: what a period lacks, cut to a size.

The plan comes from the footers of the dataset alone, so that a rerun asks for what is missing and
nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Condition
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.export.observer import Job
from cdr_engine.windows import Window, plan, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cdr_engine.dataset import AccountCoverage, DataFile
    from cdr_engine.settings import RateLimit

__all__ = ["SETTLING", "Due", "Plan", "Todo", "due", "least_seconds"]

SETTLING = timedelta(minutes=15)
"""A window asked for sooner than this after its end may lack calls, and is fetched again."""
AIM_BYTES = 300_000_000
"""Of one body: large enough for few report calls, small enough to be repeated."""
WEIGHED = 8
"""Latest windows of an account by which the size of the next is judged."""
DAY = timedelta(days=1)
MONTH_DAYS = 31


class Due(NamedTuple):
    """What one account lacks."""

    account_id: str
    again: tuple[Window, ...]
    """Windows that are there and are to be replaced, by their own bounds."""
    gaps: tuple[Window, ...]
    """What is missing, not yet cut to a size."""
    covered: int
    """Files of the period that are there and stay."""


class Plan(NamedTuple):
    """What an export would do."""

    jobs: tuple[Job, ...]
    """One report call each, if none fails."""
    covered: int
    """Files of the period that are there and stay."""
    seconds: float
    """At least so long, by the rate limit alone."""


def due(
    held: AccountCoverage,
    period: Window,
    *,
    is_again: Callable[[DataFile, Window], bool],
) -> Due:
    """What an account lacks of a period; `is_again` tells which of its windows to replace."""
    there = {
        window: is_again(file, window)
        for file in held.files
        if (window := file.footer.window) and window.overlaps(period)
    }
    again = tuple(sorted(window for window, is_due in there.items() if is_due))
    gaps = subtract(period, there)
    assert held.account_id is not None, "reports are always some account's"
    return Due(held.account_id, again, tuple(gaps), len(there) - len(again))


def fetched_at(file: DataFile) -> datetime | None:
    """When the window of a file was asked for."""
    committed_at = file.footer.committed_at
    return committed_at and committed_at - timedelta(seconds=file.footer.seconds)


def is_provisional(file: DataFile, window: Window) -> bool:
    """Tell whether a window was asked for before it had settled."""
    asked = fetched_at(file)
    return asked is not None and asked < window.end + SETTLING


def least_seconds(calls: int, limits: Iterable[RateLimit]) -> float:
    """Seconds that so many report calls take at least under sliding limits."""
    times: list[float] = []
    limits = tuple(limits)
    for number in range(calls):
        earliest = times[-1] if times else 0.0
        for allowed, period in limits:
            if number >= allowed:
                earliest = max(earliest, times[number - allowed] + period)
        times.append(earliest)
    return times[-1] if times else 0.0


class Todo:
    """
    Windows still to fetch, cut as they are taken; shared by the threads that fetch.

    Parameters
    ----------
    dues
        By account.
    size
        Largest window; None for `auto`: about `AIM_BYTES` of body by what the account's last
        windows weighed, whole days, a calendar month at most.
    time_zone
        On whose midnights the cuts lie.
    files
        Of the dataset: what windows weighed so far.
    """

    def __init__(
        self,
        dues: Sequence[Due],
        *,
        size: timedelta | None,
        time_zone: str,
        files: Iterable[DataFile] = (),
    ) -> None:
        self._size = size
        self._time_zone = time_zone
        self._first = [
            Job(due.account_id, window, is_there=True) for due in dues for window in due.again
        ]
        self._gaps = {due.account_id: list(due.gaps) for due in dues}
        self._weights: dict[str, list[tuple[int, timedelta]]] = {}
        for file in files:
            self._weigh(file)
        self._under_way = 0
        self._is_closed = False
        self._changed = Condition()

    def jobs(self) -> list[Job]:
        """All that is left, as it would be cut now."""
        with self._changed:
            jobs = list(self._first)
            for account_id, gaps in self._gaps.items():
                jobs += [
                    Job(account_id, window) for gap in gaps for window in self._cut(account_id, gap)
                ]
            return sorted(jobs)

    def take(self) -> Job | None:
        """The next window; None when nothing is left and nothing under way can bring more."""
        with self._changed:
            while not self._is_closed:
                job = self._next()
                if job is not None:
                    self._under_way += 1
                    return job
                if not self._under_way:
                    break
                self._changed.wait()
            return None

    def done(self, parts: Iterable[Job] = (), *, weighs: DataFile | None = None) -> bool:
        """
        Take note that a window that was taken is over, and of what is to be asked instead.

        Returns
        -------
        bool
            True if its weight gives the windows to come another size.
        """
        with self._changed:
            self._under_way -= 1
            self._first = [*parts, *self._first]
            self._changed.notify_all()
            if weighs is None or self._size is not None or weighs.footer.account_id is None:
                return False
            before = self._judged(weighs.footer.account_id)
            self._weigh(weighs)
            return before != self._judged(weighs.footer.account_id)

    def leave_out(self, account_id: str) -> None:
        """Forget all windows of an account."""
        with self._changed:
            self._gaps.pop(account_id, None)
            self._first = [job for job in self._first if job.account_id != account_id]

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is handed out."""
        return self._is_closed

    def close(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _next(self) -> Job | None:
        if self._first:
            return self._first.pop(0)
        for account_id, gaps in self._gaps.items():
            if gaps:
                window = self._cut(account_id, gaps[0])[0]
                left = Window(window.end, gaps[0].end)
                gaps[:1] = [left] if left.start < left.end else []
                return Job(account_id, window)
        return None

    def _cut(self, account_id: str, gap: Window) -> list[Window]:
        size = self._size or self._judged(account_id)
        return plan(gap, size=size, covered=(), time_zone=self._time_zone)

    def _judged(self, account_id: str) -> timedelta | None:
        """Whole days that weigh about as much as a body should; None for a month."""
        weights = self._weights.get(account_id, [])
        size = sum(weight for weight, _ in weights)
        time = sum((length for _, length in weights), timedelta())
        if not size:
            return None
        days = int(AIM_BYTES * (time / DAY) / size)
        return None if days >= MONTH_DAYS else max(1, days) * DAY

    def _weigh(self, file: DataFile) -> None:
        window, account_id = file.footer.window, file.footer.account_id
        if window is not None and account_id is not None:
            weights = self._weights.setdefault(account_id, [])
            weights.append((file.footer.ledger.bytes, window.end - window.start))
            del weights[:-WEIGHED]
