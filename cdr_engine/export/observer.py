"""What an export tells while it runs, and what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.ledger import Ledger
from cdr_engine.pipeline import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.dataset import DataFile
    from cdr_engine.windows import Window

__all__ = ["ExportObserver", "ExportSummary", "FailedWindow", "Job"]


class Job(NamedTuple):
    """One window of one account to fetch."""

    account_id: str
    window: Window
    is_there: bool = False
    """It replaces a window that is committed, and so keeps its bounds."""

    def __str__(self) -> str:
        return f"account {self.account_id}, {self.window}"


class FailedWindow(NamedTuple):
    """A window that could not be fetched, and why."""

    account_id: str
    window: Window
    error: Exception
    attempts: int


class ExportSummary(NamedTuple):
    """What an export did."""

    files: tuple[DataFile, ...]
    """Committed by this run, by account and window."""
    covered: int
    """Files of the period that were there before and were left alone."""
    ledger: Ledger
    """Sum over `files`."""
    seconds: float
    failed: tuple[FailedWindow, ...] = ()
    """By account and window; a rerun asks for them again."""
    splits: int = 0
    """Windows that were asked for in two parts."""


class ExportObserver(Observer):
    """Hears of an export's progress, one call at a time; the base hears nothing."""

    def planned(self, jobs: Sequence[Job], covered: int) -> None:
        """Told once: what will be fetched, and how many files of the period are there already."""

    def waiting(self, seconds: float) -> None:
        """Told before a pause that the rate limit asks for."""

    def started(self, account_id: str, window: Window) -> None:
        """Told before a window is asked for, each time."""

    def progressed(self, account_id: str, window: Window, body_bytes: int, rows: int) -> None:
        """Told again and again: bytes and rows of a window so far."""

    def retrying(
        self, account_id: str, window: Window, error: Exception, attempts: int, pause_s: float
    ) -> None:
        """Told when a window failed and will be asked for again after a pause."""

    def split(self, account_id: str, window: Window, parts: Sequence[Window]) -> None:
        """Told when a window is asked for in parts, because it failed as a whole."""

    def resized(self, left: int) -> None:
        """Told when the windows still to fetch have got another size: how many they are now."""

    def failed(self, failure: FailedWindow) -> None:
        """Told when a window is given up."""

    def ended(self, summary: ExportSummary) -> None:
        """Told once, when everything that can be done is done."""
