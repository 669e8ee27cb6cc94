"""
Run one command and say what it took; a script of its own, started bare.

    python -I -S launch.py OUT ERRORS COMMAND...

The kernel counts a parent's memory as its child's until the child's program starts, so peak memory
is only true where the parent is smaller than any command: this script imports next to nothing.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """Write exit status, wall seconds, processor seconds and peak memory in kB, one a line."""
    out, errors, *command = sys.argv[1:]
    create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 1, out, create, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, errors, create, 0o600),
    ]
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - started
    figures = (os.waitstatus_to_exitcode(status), wall_s, usage.ru_utime + usage.ru_stime)
    sys.stdout.write("\n".join(map(str, (*figures, usage.ru_maxrss))))


if __name__ == "__main__":
    main()
