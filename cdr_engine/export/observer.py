"""What an export tells while it runs, and what it did at its end."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.ledger import Ledger
from cdr_engine.pipeline import Observer
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.dataset import DataFile

__all__ = ["ExportObserver", "ExportSummary", "Failure", "Split", "Told"]


class Failure(NamedTuple):
    """A window that was given up."""

    account_id: str
    window: Window
    reason: str


class Split(NamedTuple):
    """A window that was asked for in two parts."""

    account_id: str
    window: Window
    parts: tuple[Window, Window]
    reason: str


class ExportSummary(NamedTuple):
    """What an export did."""

    files: tuple[DataFile, ...]
    """Committed by this run, by account and window."""
    covered: int
    """Files of the period that were there before and were left alone."""
    ledger: Ledger
    """Sum over `files`."""
    seconds: float
    splits: tuple[Split, ...] = ()
    failures: tuple[Failure, ...] = ()
    retries: int = 0


class ExportObserver(Observer):
    """
    Hears of an export's progress; the base hears nothing.

    Windows run side by side: it is told from several threads, but of one thing at a time.
    `advanced` tells the sums over all windows of the run so far.
    """

    def planned(self, windows: Sequence[tuple[str, Window]], covered: int) -> None:
        """Told once: what will be fetched, and how many files of the period are there already."""

    def waiting(self, seconds: float) -> None:
        """Told before a pause that the rate limit asks for."""

    def started(self, account_id: str, window: Window) -> None:
        """Told before a window is asked for, at each attempt."""

    def retrying(
        self, account_id: str, window: Window, attempt: int, reason: str, seconds: float
    ) -> None:
        """Told when an attempt failed and another will follow after a pause."""

    def split(self, split: Split) -> None:
        """Told when a window is asked for in two parts from here on."""

    def failed(self, failure: Failure) -> None:
        """Told when a window is given up."""

    def finished(self, summary: ExportSummary) -> None:
        """Told once at the end, also when windows failed; not when the run is broken off."""


class Told(ExportObserver):
    """Passes on what it is told, one thing at a time, from whatever thread."""

    def __init__(self, observer: ExportObserver) -> None:
        self._observer = observer
        self._lock = RLock()
        self._bytes = self._rows = 0

    def planned(self, windows: Sequence[tuple[str, Window]], covered: int) -> None:
        """Pass on."""
        with self._lock:
            self._observer.planned(windows, covered)

    def waiting(self, seconds: float) -> None:
        """Pass on."""
        with self._lock:
            self._observer.waiting(seconds)

    def started(self, account_id: str, window: Window) -> None:
        """Pass on."""
        with self._lock:
            self._observer.started(account_id, window)

    def retrying(
        self, account_id: str, window: Window, attempt: int, reason: str, seconds: float
    ) -> None:
        """Pass on."""
        with self._lock:
            self._observer.retrying(account_id, window, attempt, reason, seconds)

    def split(self, split: Split) -> None:
        """Pass on."""
        with self._lock:
            self._observer.split(split)

    def failed(self, failure: Failure) -> None:
        """Pass on."""
        with self._lock:
            self._observer.failed(failure)

    def finished(self, summary: ExportSummary) -> None:
        """Pass on."""
        with self._lock:
            self._observer.finished(summary)

    def committed(self, file: DataFile) -> None:
        """Pass on."""
        with self._lock:
            self._observer.committed(file)

    def added(self, body_bytes: int, rows: int) -> None:
        """Add what one body brought since it was last told, and tell the sums."""
        with self._lock:
            self._bytes += body_bytes
            self._rows += rows
            self._observer.advanced(self._bytes, self._rows)


class Advance(Observer):
    """Turns the sums of one body into those of the run; an attempt that fails is taken back."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._bytes = self._rows = 0

    def advanced(self, body_bytes: int, rows: int) -> None:
        """Tell what was added."""
        more = body_bytes - self._bytes, rows - self._rows
        self._bytes, self._rows = body_bytes, rows
        self._told.added(*more)

    def committed(self, file: DataFile) -> None:
        """Pass on."""
        self._told.committed(file)
