"""The command line: each command a few lines over a function that the library exports too."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from cyclopts import App, CycloptsError

from cdr_engine.cli import answers, demonstration, transfer
from cdr_engine.errors import CdrError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["app", "main"]


def _version() -> str:
    from cdr_engine import __version__

    return __version__


def _one_line(error: CycloptsError) -> str:
    return f"cdr: {error} (see cdr --help)"


app = App(
    name="cdr",
    help=(
        "Call detail reports of RingCentral Engage Voice (RingCX): streamed into Parquet, "
        "answered in SQL."
    ),
    version=_version,
    error_formatter=_one_line,
    result_action="return_value",
    exit_on_error=False,
)
for command in (
    demonstration.demo,
    demonstration.simulate,
    transfer.accounts,
    transfer.profiles,
    transfer.destinations,
    transfer.export,
    transfer.ingest,
    answers.status,
    answers.verify,
    answers.views,
    answers.query,
):
    app.command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run one command and exit with its code.

    0 done, 1 unexpected, 2 usage, 3 settings or token, 4 the service gave up, 5 partial, 6 damaged,
    7 locked, 130 interrupted, 143 terminated.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(sys.argv[1:] if arguments is None else arguments)
    except CycloptsError:
        sys.exit(2)
    except CdrError as error:
        sys.stderr.write(f"cdr: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("cdr: interrupted; what was committed stays, the same command resumes\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on; Python would complain about standard output
        sys.exit(0)
    sys.exit(code or 0)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    sys.stderr.write("cdr: terminated; what was committed stays, the same command resumes\n")
    sys.exit(128 + number)
