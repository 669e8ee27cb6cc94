"""How an export or an ingest looks while it runs: bars on a terminal, lines elsewhere, or JSON."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cdr_engine.cli.common import amount, errors, size
from cdr_engine.export import ExportObserver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from cdr_engine.dataset import DataFile
    from cdr_engine.export import ExportSummary, Failure, Split
    from cdr_engine.windows import Window

__all__ = ["EventLines", "LoadProgress", "export_progress"]

REFRESH_S = 0.1


class LoadProgress(ExportObserver):
    """Shows windows or files done, and the rows and rate of the current one."""

    def __init__(self, unit: str, total: int | None = None) -> None:
        self._console = errors()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task: TaskID = self._bars.add_task(unit, total=total, now="")
        self._started = self._shown = time.monotonic()
        self._is_run = False
        self._retries = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def planned(self, windows: Sequence[tuple[str, Window]], covered: int) -> None:
        """Show how much there is to do."""
        self._is_run = True
        self._started = time.monotonic()
        self._bars.update(self._task, total=len(windows))
        if covered:
            self._console.print(f"{covered} windows of the period are there already")

    def waiting(self, seconds: float) -> None:
        """Say why nothing happens."""
        self._console.print(f"waiting {seconds:.0f} s: the rate limit for reports")

    def started(self, account_id: str, window: Window) -> None:
        """Name the window."""
        self._bars.update(self._task, now=f"account {account_id}, {window.start:%Y-%m-%d} …")

    def advanced(self, body_bytes: int, rows: int) -> None:
        """Show rows and rate, a few times a second."""
        now = time.monotonic()
        if now - self._shown >= REFRESH_S:
            self._shown = now
            rate = size(body_bytes / max(now - self._started, 1e-9))
            retries = f", {self._retries} retries" if self._retries else ""
            self._bars.update(self._task, now=f"{amount(rows)} rows, {rate}/s{retries}")

    def retrying(
        self, account_id: str, window: Window, attempt: int, reason: str, seconds: float
    ) -> None:
        """Say why, and when it goes on."""
        self._retries += 1
        where = f"account {account_id}, {window}"
        self._console.print(
            f"attempt {attempt} of {where} failed, again in {seconds:.0f} s: {reason}",
            soft_wrap=True,
        )

    def split(self, split: Split) -> None:
        """Say why, and count one more."""
        for task in self._bars.tasks:
            self._bars.update(self._task, total=(task.total or 0) + 1)
        self._console.print(f"split {split.window} in two: {split.reason}", soft_wrap=True)

    def failed(self, failure: Failure) -> None:
        """Say which and why."""
        self._bars.update(self._task, advance=1)
        where = f"account {failure.account_id}, {failure.window}"
        self._console.print(f"failed {where}: {failure.reason}", soft_wrap=True)

    def finished(self, summary: ExportSummary) -> None:
        """Sum up what the lines before do not show by themselves."""
        if summary.splits or summary.failures or summary.retries:
            self._console.print(
                f"{len(summary.files)} windows done, {summary.covered} covered before, "
                f"{len(summary.splits)} split, {len(summary.failures)} failed, "
                f"{summary.retries} retries",
                soft_wrap=True,
            )

    def committed(self, file: DataFile) -> None:
        """Count one more, and say so where there are no bars."""
        if not self._is_run:
            self._started = time.monotonic()
        self._bars.update(self._task, advance=1)
        if not self._console.is_terminal:
            footer = file.footer
            what = footer.window or file.path.name
            ledger = footer.ledger
            self._console.print(
                f"committed {what}: {amount(ledger.rows)} rows, "
                f"{amount(ledger.rejected_records + ledger.rejected_cells)} rejects, "
                f"{size(ledger.bytes)} in {footer.seconds:.1f} s",
                soft_wrap=True,
            )


class EventLines(ExportObserver):
    """
    One JSON object a line on standard error: `event`, `at`, and what belongs to it.

    Events are planned, started, waiting, retrying, split, committed, failed and summary.
    """

    def __init__(self, *, is_silent: bool = False) -> None:
        self._console = errors()
        self._is_silent = is_silent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""

    def planned(self, windows: Sequence[tuple[str, Window]], covered: int) -> None:
        """How much there is to do."""
        if windows or not self._is_silent:
            self._say("planned", windows=len(windows), covered=covered)

    def started(self, account_id: str, window: Window) -> None:
        """Which window."""
        self._say("started", **_of(account_id, window))

    def waiting(self, seconds: float) -> None:
        """For how long."""
        self._say("waiting", seconds=round(seconds, 3), reason="the rate limit for reports")

    def retrying(
        self, account_id: str, window: Window, attempt: int, reason: str, seconds: float
    ) -> None:
        """Which window, why, and when it goes on."""
        more = {"attempt": attempt, "reason": reason, "seconds": round(seconds, 3)}
        self._say("retrying", **_of(account_id, window), **more)

    def split(self, split: Split) -> None:
        """Which window, where, and why."""
        bound = split.parts[1].start
        self._say("split", **_of(split.account_id, split.window), cut=bound, reason=split.reason)

    def committed(self, file: DataFile) -> None:
        """Which window, and what is in it."""
        footer = file.footer
        assert footer.window is not None, "an export commits windows"
        assert footer.account_id is not None, "reports belong to an account"
        ledger = footer.ledger
        self._say(
            "committed",
            **_of(footer.account_id, footer.window),
            rows=ledger.rows,
            rejects=ledger.rejected_records + ledger.rejected_cells,
            duplicates=ledger.duplicates,
            bytes=ledger.bytes,
            seconds=round(footer.seconds, 3),
        )

    def failed(self, failure: Failure) -> None:
        """Which window, and why."""
        self._say("failed", **_of(failure.account_id, failure.window), reason=failure.reason)

    def finished(self, summary: ExportSummary) -> None:
        """The sums."""
        if self._is_silent and not (summary.files or summary.failures):
            return
        self._say(
            "summary",
            committed=len(summary.files),
            covered=summary.covered,
            split=len(summary.splits),
            failed=len(summary.failures),
            retries=summary.retries,
            rows=summary.ledger.rows,
            bytes=summary.ledger.bytes,
            seconds=round(summary.seconds, 3),
        )

    def _say(self, event: str, **what: Any) -> None:
        line = {"event": event, "at": datetime.now(UTC), **what}
        text = msgspec.json.encode(line).decode()
        self._console.print(text, soft_wrap=True, markup=False, emoji=False)


def export_progress(log_format: str, *, is_silent: bool = False) -> LoadProgress | EventLines:
    """Bars or lines of text, or JSON lines; `auto` is bars where a terminal is."""
    is_text = log_format == "text" or (log_format == "auto" and errors().is_terminal)
    return LoadProgress("windows") if is_text else EventLines(is_silent=is_silent)


def _of(account_id: str, window: Window) -> dict[str, Any]:
    return {"account_id": account_id, "start": window.start, "end": window.end}
