"""
`cdr` commands as processes that can be held, watched and killed, without the cost of starting one.

`python tests/forked.py` imports the engine once and then forks: each fork is a process of its own
that runs one command from its first line to its exit. `Commands` is the other side.
"""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FORK_QUIETLY", "Commands"]

ROOT = Path(__file__).resolve().parents[1]

FORK_QUIETLY = ["-W", "ignore:This process:DeprecationWarning"]
"""Python 3.12 warns of forks beside threads; those here are idle ones of Arrow and OpenBLAS."""


class Commands:
    """
    Runs one command at a time; a context manager.

    Parameters
    ----------
    folder
        Where commands run, and where their output goes.
    environment
        Of the commands.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._server: subprocess.Popen[str] | None = None
        self.pid = 0
        """Of the command that was started last."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-W", "error", *FORK_QUIETLY, __file__],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def hold(self, arguments: Sequence[str]) -> int:
        """Make the process of a command, which waits before its first step; gives its id."""
        self.pid = self._asked("hold", list(arguments))
        return self.pid

    def go(self) -> None:
        """Let it run."""
        self._asked("go")

    def wait(self) -> int:
        """Wait for its end; gives the exit code, negative for a signal."""
        return self._asked("wait")

    def run(self, arguments: Sequence[str]) -> int:
        """Run a command; gives its exit code."""
        self.hold(arguments)
        self.go()
        return self.wait()

    def succeed(self, arguments: Sequence[str]) -> None:
        """Run a command that has to succeed."""
        code = self.run(arguments)
        assert code == 0, f"exit {code}: {self.said or 'nothing on standard error'}"

    @property
    def said(self) -> str:
        """What the last command wrote to standard error."""
        return (self._folder / "stderr").read_text()

    def _asked(self, *request: Any) -> int:
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def _run(arguments: list[str], gate: int) -> None:
    """Become the command."""
    os.read(gate, 1)
    os.close(gate)
    for number, name in ((0, os.devnull), (1, "stdout"), (2, "stderr")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = os.open(name, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (open(n, "rw"[n > 0], closefd=False) for n in range(3))  # noqa: SIM115
    from cdr_engine.cli import main

    faulthandler.enable()
    main(arguments)


def _serve() -> None:
    pid = opening = 0
    for line in sys.stdin:
        request, *values = json.loads(line)
        if request == "hold":
            gate, opening = os.pipe()
            pid = os.fork()
            if not pid:
                os.close(opening)
                _run(*values, gate)
            os.close(gate)
            answer = pid
        elif request == "go":
            os.write(opening, b"!")
            os.close(opening)
            answer = 0
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _import_the_engine() -> None:
    """Import what an export imports on its way; a service that nobody asks brings its own."""
    import cdr_engine.cli.progress
    import cdr_engine.cli.tables
    import cdr_engine.export
    import cdr_engine.pipeline  # noqa: F401
    from cdr_engine.api import ReportService, StaticToken

    with ReportService("http://127.0.0.1:9/voice", StaticToken("none")):
        pass


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    _import_the_engine()
    _serve()
