"""The two consoles, and what each does when nobody reads on."""

from __future__ import annotations

import os
from typing import IO

from rich.console import Console

__all__ = ["ErrorConsole", "OutputConsole", "leave_to_nobody"]


class OutputConsole(Console):
    """Data: once nobody reads it, there is nothing left to do."""

    def on_broken_pipe(self) -> None:
        """Let the command end, quietly."""
        raise BrokenPipeError


class ErrorConsole(Console):
    """Everything else: the work goes on, whether somebody reads of it or not."""

    def on_broken_pipe(self) -> None:
        """Speak to nobody from here on."""
        leave_to_nobody(self.file)


def leave_to_nobody(stream: IO[str]) -> None:
    """Let what is written to a closed pipe vanish; else Python complains about it at its end."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nobody, stream.fileno())
    os.close(nobody)
