"""One writer at a time; readers need no lock, as files appear and change by rename only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from cdr_engine.dataset.layout import FILE_MODE, Layout, make_folder
from cdr_engine.dataset.recovery import recover
from cdr_engine.errors import CommitError, DatasetLocked

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["writer_lock"]


@contextmanager
def writer_lock(layout: Layout) -> Iterator[None]:
    """
    Hold the dataset for writing, and put right what a killed writer left behind.

    Raises
    ------
    DatasetLocked
        If another process holds it.
    CommitError
        If the folder cannot be made or written to.
    """
    try:
        make_folder(layout.root)
        lock = FileLock(layout.lock, mode=FILE_MODE, blocking=False)
        lock.acquire()
    except Timeout as error:
        raise DatasetLocked(
            f"another process is writing to {layout.root}: wait for it, or choose another --dataset"
        ) from error
    except OSError as error:
        raise CommitError(f"cannot write to {layout.root}: {error.strerror}") from error
    try:
        _tidy(layout)
        yield
    finally:
        lock.release()


def _tidy(layout: Layout) -> None:
    try:
        recover(layout)
    except OSError as error:
        raise CommitError(f"cannot tidy up {layout.root}: {error.strerror}") from error
