"""A command in a process of its own: its time on the wall and the processors, its peak memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ProcessFailed", "Usage", "measured"]

LAUNCH = Path(__file__).with_name("launch.py")
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes that getrusage(2) counts peak memory in."""


class ProcessFailed(RuntimeError):
    """A measured command failed; the message is the last line that it wrote on standard error."""


class Usage(NamedTuple):
    """What one process took, from its start to its end."""

    wall_s: float
    cpu_s: float
    """Of all its threads, in user and system mode."""
    peak_bytes: int
    """Largest resident set."""
    output: bytes
    """What it wrote on standard output."""


def measured(command: Sequence[str], *, feed: Iterable[bytes] | None = None) -> Usage:
    """
    Run a command to its end, with pieces of bytes on its standard input or none.

    Raises
    ------
    ProcessFailed
        If it exits with another code than 0.
    """
    with tempfile.TemporaryDirectory(prefix="cdr-bench-") as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        bare = [sys.executable, "-I", "-S", str(LAUNCH), str(out), str(errors), *command]
        with subprocess.Popen(
            bare,
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                if process.stdin is not None and feed is not None:
                    _feed(process.stdin, feed)
                figures, _ = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        code, wall_s, cpu_s, peak = figures.split()
        if int(code):
            lines = errors.read_text("utf-8", "replace").split("\n")
            said = next((line.strip() for line in reversed(lines) if line.strip()), "")
            raise ProcessFailed(said or f"it ended with exit code {int(code)}")
        return Usage(float(wall_s), float(cpu_s), int(peak) * PEAK_UNIT, out.read_bytes())


def _feed(stream: IO[bytes], pieces: Iterable[bytes]) -> None:
    """Write pieces until they end, or until nobody reads them: the exit code tells why."""
    with contextlib.suppress(BrokenPipeError):
        for piece in pieces:
            stream.write(piece)
