"""
Where a question puts what exceeds memory.

DuckDB makes the folder when it has to and removes it when the connection ends, but everybody could
read what it writes there, which are callers' numbers, and encryption needs an extension that would
have to be fetched. So it is below a folder that only its owner can look into; and what a killed
process left there is removed by the next one.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from stat import S_ISDIR

__all__ = ["spill_folder"]

ABANDONED_S = 3600
"""Seconds after which the folder of a process that is no more is removed; numbers come again."""


def spill_folder() -> Path:
    """Name a folder that is not there yet, below a private one in the system's temporary folder."""
    private = Path(tempfile.gettempdir()) / f"cdr-views-{os.geteuid()}"
    with suppress(OSError):
        private.mkdir(mode=0o700, exist_ok=True)
        its = private.lstat()
        if not S_ISDIR(its.st_mode) or its.st_uid != os.geteuid() or its.st_mode & 0o077:
            private = Path(tempfile.mkdtemp(prefix="cdr-views-"))
        _sweep(private)
    return private / f"{os.getpid()}-{secrets.token_hex(8)}"


def _sweep(private: Path) -> None:
    """Remove folders of processes that were killed."""
    for folder in private.iterdir():
        process = folder.name.partition("-")[0]
        if time.time() - folder.stat().st_mtime > ABANDONED_S and not _lives(process):
            rmtree(folder, ignore_errors=True)


def _lives(process: str) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True
