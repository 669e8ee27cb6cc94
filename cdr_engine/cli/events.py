"""An export as lines of JSON on standard error, one event each, for logs and for other programs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from cdr_engine.export import ExportObserver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from cdr_engine.dataset import DataFile
    from cdr_engine.export import ExportSummary, FailedWindow, Job
    from cdr_engine.windows import Window

__all__ = ["EventLines", "failure_facts"]


class EventLines(ExportObserver):
    """Writes `{"time": …, "event": …, …}` lines; nothing where nothing happens."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def planned(self, jobs: Sequence[Job], covered: int) -> None:
        """How many windows are missing, and how many are there."""
        if jobs:
            _write("planned", windows=len(jobs), covered=covered)

    def resized(self, left: int) -> None:
        """How many windows are left, cut to another size."""
        _write("resized", windows_left=left)

    def waiting(self, seconds: float) -> None:
        """For how long the rate limit lets nothing through."""
        _write("waiting", seconds=round(seconds, 1))

    def started(self, account_id: str, window: Window) -> None:
        """A window is asked for."""
        _write("started", **_named(account_id, window))

    def retrying(
        self, account_id: str, window: Window, error: Exception, attempts: int, pause_s: float
    ) -> None:
        """A window failed, and is asked for again after a pause."""
        _write(
            "retrying",
            **_named(account_id, window),
            reason=str(error),
            attempts=attempts,
            pause_s=round(pause_s, 1),
        )

    def split(self, account_id: str, window: Window, parts: Sequence[Window]) -> None:
        """A window is asked for in parts."""
        _write("split", **_named(account_id, window), parts=[part._asdict() for part in parts])

    def committed(self, file: DataFile) -> None:
        """A window is part of the dataset."""
        footer = file.footer
        assert footer.account_id is not None and footer.window is not None, "exports have both"  # noqa: PT018
        _write(
            "committed",
            **_named(footer.account_id, footer.window),
            rows=footer.ledger.rows,
            rejects=footer.ledger.rejected_records + footer.ledger.rejected_cells,
            bytes=footer.ledger.bytes,
            seconds=round(footer.seconds, 2),
        )

    def failed(self, failure: FailedWindow) -> None:
        """A window is given up."""
        _write("failed", **failure_facts(failure))

    def ended(self, summary: ExportSummary) -> None:
        """What the whole run did."""
        if summary.files or summary.failed:
            _write(
                "summary",
                committed=len(summary.files),
                covered=summary.covered,
                splits=summary.splits,
                failed=len(summary.failed),
                rows=summary.ledger.rows,
                bytes=summary.ledger.bytes,
                seconds=round(summary.seconds, 1),
            )


def failure_facts(failure: FailedWindow) -> dict[str, Any]:
    """A window that was given up, as JSON values."""
    named = _named(failure.account_id, failure.window)
    return named | {"reason": str(failure.error), "attempts": failure.attempts}


def _named(account_id: str, window: Window) -> dict[str, Any]:
    return {"account_id": account_id, "start": window.start, "end": window.end}


def _write(event: str, **facts: Any) -> None:
    line = msgspec.json.encode({"time": datetime.now(UTC), "event": event, **facts})
    sys.stderr.write(line.decode() + "\n")
    sys.stderr.flush()
