"""Which windows an export will ask for: the period less coverage, in sizes that weigh enough."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from cdr_engine.windows import SETTLING, SMALLEST, Window, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cdr_engine.dataset import AccountCoverage, DataFile, Footer
    from cdr_engine.settings import RateLimit

__all__ = ["ExportPlan", "Task", "due", "expected", "seconds_at", "sized"]

AIM_BYTES = 300_000_000
"""Body that a window of `auto` aims at: few calls, and little to repeat if one fails."""

RECENT = 3
"""Windows whose weight says what the next one will weigh."""


class Task(NamedTuple):
    """One window of one account to ask for."""

    account_id: str
    window: Window
    is_there: bool = False
    """It replaces a window that is there, so its bounds cannot change."""


class ExportPlan(NamedTuple):
    """What an export would do; `describe` gives it as JSON values."""

    tasks: tuple[Task, ...]
    covered: int
    """Files of the period that are there and stay."""
    expected_bytes: int | None
    """Of all bodies, by what windows of the dataset weighed; None where it holds none."""
    at_least_s: float
    """What the rate limit alone makes of so many requests."""

    def describe(self) -> dict[str, Any]:
        """Return it as plain values."""
        windows = [
            {
                "account_id": task.account_id,
                "start": task.window.start.isoformat(),
                "end": task.window.end.isoformat(),
                "is_there": task.is_there,
            }
            for task in self.tasks
        ]
        return {
            "windows": windows,
            "requests": len(windows),
            "covered": self.covered,
            "expected_bytes": self.expected_bytes,
            "at_least_s": self.at_least_s,
        }


def due(
    held: AccountCoverage,
    period: Window,
    size: timedelta | None,
    time_zone: str,
    *,
    is_due_again: Callable[[Footer], bool],
) -> tuple[list[Task], int]:
    """
    Tasks of one account, and how many windows of the period are there and stay.

    Windows that are there are asked for again if they were fetched before they had settled, or
    where `is_due_again` says so.
    """
    assert held.account_id is not None, "reports belong to an account"
    there = {
        window: not file.footer.has_settled(SETTLING) or is_due_again(file.footer)
        for file in held.files
        if (window := file.footer.window) and window.overlaps(period)
    }
    again = [
        Task(held.account_id, window, is_there=True) for window, is_due in there.items() if is_due
    ]
    missing = plan(period, size=size, covered=there, time_zone=time_zone)
    tasks = [*again, *(Task(held.account_id, window) for window in missing)]
    return sorted(tasks), len(there) - len(again)


def sized(task: Task, files: Iterable[DataFile], time_zone: str) -> list[Task]:
    """
    Cut a window in two where it would weigh much more than the aim: the next one, and the rest.

    What a window weighs is told from the bodies of the nearest ones before and after it.
    """
    weight = expected(task.window, files)
    if task.is_there or weight is None or weight <= 1.5 * AIM_BYTES:
        return [task]
    length = (task.window.end - task.window.start) * (AIM_BYTES / weight)
    unit = timedelta(days=1) if length >= timedelta(days=1) else SMALLEST
    size = max(length // unit, 1) * unit
    bounds = [each.end for each in plan(task.window, size=unit, covered=(), time_zone=time_zone)]
    bound = max((each for each in bounds if each <= task.window.start + size), default=bounds[0])
    if bound >= task.window.end:
        return [task]
    return [
        task._replace(window=Window(task.window.start, bound)),
        task._replace(window=Window(bound, task.window.end)),
    ]


def expected(window: Window, files: Iterable[DataFile]) -> float | None:
    """Bytes that the body of a window will have, by the nearest ones; None without any."""
    others = [(each, file.footer.ledger.bytes) for file in files if (each := file.footer.window)]
    nearest = sorted(others, key=lambda other: abs(other[0].start - window.start))[:RECENT]
    seconds = sum((each.end - each.start).total_seconds() for each, _ in nearest)
    if not seconds:
        return None
    return (
        sum(weight for _, weight in nearest) / seconds * (window.end - window.start).total_seconds()
    )


def seconds_at(limits: Sequence[RateLimit], requests: int) -> float:
    """Seconds from the first of so many requests to the last, at these limits."""
    return max(
        (float((requests - 1) // n * period) for n, period in limits if requests), default=0.0
    )
