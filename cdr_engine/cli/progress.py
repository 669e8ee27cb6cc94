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
)

from cdr_engine.cli.common import amount, errors, size
from cdr_engine.export import ExportObserver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from cdr_engine.dataset import DataFile
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
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task: TaskID = self._bars.add_task(unit, total=total, now="")
        self._started = self._shown = time.monotonic()

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
        self._bars.update(self._task, total=len(windows))
        if covered:
            self._console.print(f"{covered} windows of the period are there already")

    def waiting(self, seconds: float) -> None:
        """Say why nothing happens."""
        self._console.print(f"waiting {seconds:.0f} s: the rate limit for reports")

    def started(self, account_id: str, window: Window) -> None:
        """Name the window."""
        self._started = time.monotonic()
        self._bars.update(self._task, now=f"account {account_id}, {window.start:%Y-%m-%d} …")

    def advanced(self, body_bytes: int, rows: int) -> None:
        """Show rows and rate, a few times a second."""
        now = time.monotonic()
        if now - self._shown >= REFRESH_S:
            self._shown = now
            rate = size(body_bytes / max(now - self._started, 1e-9))
            self._bars.update(self._task, now=f"{amount(rows)} rows, {rate}/s")

    def committed(self, file: DataFile) -> None:
        """Count one more, and say so where there are no bars."""
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
