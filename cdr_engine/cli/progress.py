"""How an export or an ingest looks while it runs: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

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
    from cdr_engine.export import ExportSummary, FailedWindow, Job
    from cdr_engine.windows import Window

__all__ = ["LoadProgress"]

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
        self._now: dict[tuple[str, Window], tuple[int, int]] = {}
        """Bytes and rows of the windows under way."""
        self._bytes = self._rows = self._retries = 0
        self._total = total or 0

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

    def planned(self, jobs: Sequence[Job], covered: int) -> None:
        """Show how much there is to do."""
        self._total = len(jobs)
        self._bars.update(self._task, total=self._total)
        if covered:
            self._say(f"{covered} windows of the period are there already")

    def resized(self, left: int) -> None:
        """Show how many windows it will be."""
        self._total = int(self._bars.tasks[0].completed) + left + len(self._now)
        self._bars.update(self._task, total=self._total)

    def waiting(self, seconds: float) -> None:
        """Say why nothing happens."""
        self._say(f"waiting {seconds:.0f} s: the rate limit for reports")

    def started(self, account_id: str, window: Window) -> None:
        """Name the window."""
        self._now[account_id, window] = 0, 0
        self._show(f"account {account_id}, {window.start:%Y-%m-%d} …")

    def progressed(self, account_id: str, window: Window, body_bytes: int, rows: int) -> None:
        """Show rows and rate of all windows under way, a few times a second."""
        self._now[account_id, window] = body_bytes, rows
        self._show_rate(
            self._bytes + sum(size for size, _ in self._now.values()),
            self._rows + sum(count for _, count in self._now.values()),
        )

    def retrying(
        self, account_id: str, window: Window, error: Exception, attempts: int, pause_s: float
    ) -> None:
        """Say what went wrong, and when it will be tried again."""
        self._retries += 1
        self._say(
            f"account {account_id}, {window}: {error}; attempt {attempts + 1} in {pause_s:.0f} s"
        )

    def split(self, account_id: str, window: Window, parts: Sequence[Window]) -> None:
        """Say that one window has become several."""
        self._now.pop((account_id, window), None)
        self._total += len(parts) - 1
        self._bars.update(self._task, total=self._total)
        self._say(f"account {account_id}, {window}: asked for in {len(parts)} parts instead")

    def failed(self, failure: FailedWindow) -> None:
        """Say which window was given up, and why."""
        self._now.pop((failure.account_id, failure.window), None)
        self._say(f"account {failure.account_id}, {failure.window}: given up: {failure.error}")

    def ended(self, summary: ExportSummary) -> None:
        """Sum up a run that did not go smoothly; the ledger says the rest."""
        if summary.failed or summary.splits:
            self._say(
                f"{len(summary.files)} windows committed, {summary.covered} were there, "
                f"{summary.splits} split, {len(summary.failed)} failed"
            )

    def advanced(self, body_bytes: int, rows: int) -> None:
        """Show rows and rate of the only body, a few times a second."""
        self._show_rate(self._bytes + body_bytes, self._rows + rows)

    def committed(self, file: DataFile) -> None:
        """Count one more, and say so where there are no bars."""
        footer = file.footer
        ledger = footer.ledger
        if footer.account_id is not None and footer.window is not None:
            self._now.pop((footer.account_id, footer.window), None)
        self._bytes += ledger.bytes
        self._rows += ledger.rows
        self._bars.update(self._task, advance=1)
        if not self._console.is_terminal:
            self._say(
                f"committed {footer.window or file.path.name}: {amount(ledger.rows)} rows, "
                f"{amount(ledger.rejected_records + ledger.rejected_cells)} rejects, "
                f"{size(ledger.bytes)} in {footer.seconds:.1f} s"
            )

    def _show_rate(self, body_bytes: int, rows: int) -> None:
        now = time.monotonic()
        if now - self._shown >= REFRESH_S:
            self._shown = now
            rate = size(body_bytes / max(now - self._started, 1e-9))
            retries = f", {self._retries} retries" if self._retries else ""
            self._show(f"{amount(rows)} rows, {rate}/s{retries}")

    def _show(self, text: str) -> None:
        self._bars.update(self._task, now=text)

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)
