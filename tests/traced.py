"""System calls of a process: counted, made to kill it, made to fail. Linux and strace only."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WRITING", "Trace", "why_not"]

WRITING = ("mkdir", "write", "fsync", "rename", "link", "unlink", "ftruncate")
"""Calls that change what is on the disk, in the spelling of x86; others have the -at forms."""
OTHER = ("openat", "close", "flock", "fchmod")

SPELLINGS = {
    name: f"?{name},?{name}at,?{name}at2" for name in ("mkdir", "rename", "link", "unlink")
}


def _spelt(name: str) -> str:
    return SPELLINGS.get(name, name)


@cache
def why_not() -> str:
    """Tell why nothing can be traced here; empty where it can."""
    tool = shutil.which("strace")
    if tool is None:
        return "strace is not installed: run make test-deps, or apt-get install strace"
    command = [tool, "-o", "/dev/null", "-e", "trace=write", sys.executable, "-S", "-c", ""]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        return f"strace may not trace here: {run.stderr.strip()[:200]}"
    return ""


class Trace:
    """
    strace on a process that waits to be traced.

    Parameters
    ----------
    pid
        The process; its threads are traced as well.
    injection
        What is done where, as strace writes it behind the names: `signal=KILL:when=3`.
    calls
        The system calls it is done at.
    log
        Where each of the calls is written down.
    """

    def __init__(
        self, pid: int, calls: tuple[str, ...], *, injection: str = "", log: Path | None = None
    ) -> None:
        names = ",".join(_spelt(name) for name in calls)
        what = f"inject={names}:{injection}" if injection else f"trace={names}"
        self._log = log
        self._strace = subprocess.Popen(
            ["strace", "-f", "-e", what, "-o", str(log or "/dev/null"), "-p", str(pid)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._strace.stderr is not None
        told = self._strace.stderr.readline()
        assert "attached" in told, told

    def wait(self) -> None:
        """Wait until the process has ended."""
        self._strace.communicate()

    def counts(self) -> dict[str, int]:
        """How often each call was made by the thread that made it most."""
        assert self._log is not None
        made: Counter[tuple[str, str]] = Counter(
            re.findall(r"^(\d+) +(\w+)\(", self._log.read_text(), re.MULTILINE)
        )
        most: dict[str, int] = {}
        for (_, call), count in made.items():
            name = re.sub("at2?$", "", call) if call != "openat" else call
            most[name] = max(count, most.get(name, 0))
        return most
