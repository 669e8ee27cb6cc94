"""What an account holds, shared by all that load into it at the same time."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cdr_engine.dataset.footer import DataFile
    from cdr_engine.windows import Window

__all__ = ["Holdings"]


class Holdings:
    """
    Committed data files of one account.

    A call that two windows bring is kept by the one that is committed first. Windows loaded side by
    side cannot see each other's calls, so whoever commits looks once more at what has come
    meanwhile; `committing` is held from that look to the commit.

    Parameters
    ----------
    files
        Those that are there already.
    """

    def __init__(self, files: Iterable[DataFile] = ()) -> None:
        self._files: dict[Path, DataFile] = {file.path: file for file in files}
        self.committing = RLock()

    def besides(self, window: Window | None) -> list[DataFile]:
        """All files but the one of a window, which a commit of the same window replaces."""
        with self.committing:
            files = list(self._files.values())
        return [file for file in files if window is None or file.footer.window != window]

    def add(self, file: DataFile) -> None:
        """Take note of a commit."""
        with self.committing:
            self._files[file.path] = file
