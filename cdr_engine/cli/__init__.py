"""The command line: each command a few lines over a function that the library exports too."""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from cyclopts import App, CycloptsError

from cdr_engine.cli import (
    answers,
    benchmark,
    compaction,
    configuration,
    counting,
    demonstration,
    discovery,
    questions,
    spots,
    transfer,
    verification,
)
from cdr_engine.cli.consoles import leave_to_nobody
from cdr_engine.errors import CdrError
from cdr_engine.start import spare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["app", "main"]


def _version() -> str:
    from cdr_engine import __version__

    return __version__


app = App(
    name="cdr",
    help=(
        "Call detail reports of RingCentral Engage Voice (RingCX): streamed into Parquet, "
        "answered in SQL."
    ),
    version=_version,
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
for command in (
    demonstration.demo,
    demonstration.simulate,
    discovery.accounts,
    discovery.profiles,
    discovery.destinations,
    transfer.export,
    transfer.sync,
    transfer.ingest,
    spots.ingest_spots,
    answers.status,
    verification.verify,
    answers.rejects,
    compaction.compact,
    counting.rollup,
    questions.views,
    questions.query,
    questions.check,
    benchmark.bench,
    configuration.config,
):
    app.command(command)
app.register_install_completion_command()


GARBAGE_AFTER = 100_000
"""Objects between two looks for garbage; with Python's 700 that is half the time of many files."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run one command and exit with its code.

    0 done, 1 unexpected, 2 usage, 3 settings or token, 4 the service gave up, 5 partial, 6 damaged
    or a broken rule, 7 locked, 130 interrupted, 143 terminated.
    """
    spare()
    gc.set_threshold(GARBAGE_AFTER)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except CycloptsError as error:
        _fail(f"{error} (see cdr --help)", 2)
    except CdrError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt as interruption:
        _fail(f"interrupted; what was committed stays, {_resume(interruption)}", 130)
    except _Terminated as interruption:
        _fail(f"terminated; what was committed stays, {_resume(interruption)}", 143)
    except BrokenPipeError:
        leave_to_nobody(sys.stdout)
        sys.exit(0)
    except OSError as error:
        leave_to_nobody(sys.stdout)
        where = error.filename or "standard output"
        _fail(f"{where}: {error.strerror or error}", 1)
    sys.exit(code or 0)


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"cdr: {' '.join(message.split())}\n")
    sys.exit(code)


def _resume(interruption: BaseException) -> str:
    """Say how to go on: an export leaves its command as a note."""
    notes = getattr(interruption, "__notes__", ())
    return f"resume with: {notes[0]}" if notes else "the same command resumes"


class _Terminated(BaseException):
    """SIGTERM came: everything is left as for an interrupt."""


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise _Terminated
