"""
Answers kept beside the data files, of views whose rows do not add up over files.

    rollups/answers/VIEW-KEY.parquet

KEY stands for all that the answer follows from: what the caller says of its meaning, and every data
file and spot log there was, a data file by name, size, digest and moment of commit, a log by its
bytes. So an answer is found only where it is right, and no record has to say so.

The commit is that of a data file: under a name that no pattern matches, sealed, synced, renamed. An
answer that was worked out while files came or went is of neither state, and is not kept.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cdr_engine.dataset.coverage import coverage
from cdr_engine.dataset.layout import PARTIAL, make_folder, sync_folder
from cdr_engine.dataset.sealed_table import commit_table, refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cdr_engine.dataset.footer import DataFile
    from cdr_engine.dataset.layout import Layout

__all__ = ["answered_views", "commit_answer", "content_key", "kept_answers"]

ANSWERS_KEPT = 3
"""Answers of one view that are kept, the latest: readers may be at the one before."""
ABANDONED_S = 3600
"""Seconds after which a file that nobody looks for may be removed."""


def content_key(layout: Layout, files: Iterable[DataFile]) -> str:
    """Digest of which calls and airings there are."""
    digest = hashlib.sha256()
    for file in files:
        path, footer = file.path, file.footer
        told = (path.parent.name, path.name, file.size, footer.sha256, footer.committed_at)
        digest.update(f"{told}\n".encode())
    for log in layout.spot_files():
        digest.update(f"{log.name} {hashlib.sha256(log.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def answered_views(layout: Layout) -> set[str]:
    """Return which views have an answer, whatever it followed from."""
    return {path.name.rpartition("-")[0] for path in _folder(layout).glob("*.parquet")}


def kept_answers(layout: Layout, keys: Mapping[str, str]) -> dict[str, Path]:
    """Return which of these views have an answer by their key, and where."""
    found = {name: _path(layout, name, key) for name, key in keys.items()}
    return {name: path for name, path in found.items() if path.exists()}


def commit_answer(layout: Layout, name: str, key: str, content: str, rows: Any) -> bool:
    """
    Keep the answer of a view, unless the dataset is another by now.

    Parameters
    ----------
    name, key
        The view, and digest of all that its answer follows from.
    content
        `content_key` of the files that were there before the question was asked.
    rows
        The answer, a pyarrow.RecordBatchReader.

    Returns
    -------
    bool
        Whether it is kept.

    Raises
    ------
    CommitError
        If the disk refuses.
    """
    path = _path(layout, name, key)
    with refusals(path.parent):
        make_folder(path.parent)
        if not commit_table(
            path, rows, lambda: content_key(layout, coverage(layout).files) == content
        ):
            return False
        sync_folder(path.parent)
    _sweep(path.parent, name)
    return True


def _path(layout: Layout, name: str, key: str) -> Path:
    return _folder(layout) / f"{name}-{key[:32]}.parquet"


def _folder(layout: Layout) -> Path:
    return layout.rollups / "answers"


def _sweep(folder: Path, name: str) -> None:
    """Remove what no reader needs: answers before the last, and what a killed writer left."""
    with suppress(OSError):
        answers = sorted(folder.glob(f"{name}-*.parquet"), key=lambda path: path.stat().st_mtime)
        for path in [*answers[:-ANSWERS_KEPT], *folder.glob(f".*{PARTIAL}")]:
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
