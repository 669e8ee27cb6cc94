"""The command that goes on where an interrupted one stopped, to be copied from its last line."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cdr_engine.export import ByPeriod, ByWindows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cdr_engine.export import When

__all__ = ["resume_command", "resuming"]


@contextmanager
def resuming(when: When) -> Iterator[None]:
    """Note the command on what interrupts this context: an interrupt, a termination."""
    try:
        yield
    except Exception:
        raise
    except BaseException as interruption:
        interruption.add_note(resume_command(sys.argv[1:], when))
        raise


def resume_command(arguments: Sequence[str], when: When) -> str:
    """Repeat the arguments, with days that are told from today as the dates they are now."""
    words = ["cdr", *arguments]
    if isinstance(when, ByWindows):
        # Repaired once, the windows are missing: it is an export that brings them.
        windows = [window for _, window in when.windows]
        first, last = min(windows).start, max(window.end for window in windows)
        words = ["cdr", "export", "--start", first.isoformat(), "--end", last.isoformat()]
    if isinstance(when, ByPeriod):
        period = when.period
        for flag, moment in (("--start", period.start), ("--end", period.end)):
            for at, word in enumerate(words):
                if word == flag and at + 1 < len(words):
                    words[at + 1] = moment.isoformat()
                elif word.startswith(f"{flag}="):
                    words[at] = f"{flag}={moment.isoformat()}"
    return shlex.join(words)
