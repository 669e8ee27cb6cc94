"""Small data files of a dataset folded into few: the library's side of `cdr compact`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cdr_engine.dataset import Fold, Layout, coverage, fold, folds
from cdr_engine.errors import DatasetError
from cdr_engine.windows import SETTLING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["compact"]


def compact(
    path: str | Path,
    *,
    accounts: Sequence[str] = (),
    is_plan: bool = False,
    on_fold: Callable[[Fold], None] | None = None,
) -> tuple[Fold, ...]:
    """
    Fold old windows into larger files, at most a calendar month each.

    A month is folded when it is over and has settled. Killed at any point, it leaves each call
    there once. Questions to an open dataset that meet the moment of the exchange are refused, and
    can be asked again; what other tools see in that moment `dataset.compaction` says.

    Parameters
    ----------
    path
        The dataset.
    accounts
        Only theirs; all where none are named.
    is_plan
        Tell what would be folded, and leave it.
    on_fold
        Told of each fold that is done.

    Returns
    -------
    tuple of Fold
        Account, window and the files that became one.

    Raises
    ------
    DatasetError
        If there is no such folder.
    DatasetLocked
        If another process writes.
    DamagedDataset
        If a file that would be folded is not what was committed.
    CommitError
        If the disk refuses, or its file system cannot exchange two folders in one step.
    """
    layout = Layout(Path(path))
    if not layout.root.is_dir():
        raise DatasetError(f"no dataset at {path}: there is no such folder")
    now = datetime.now(UTC)
    if is_plan:
        return tuple(
            one
            for held in coverage(layout).accounts
            if not accounts or held.account_id in accounts
            for one in folds(held, now, SETTLING)
        )
    done = []
    for one in fold(layout, now, SETTLING, accounts):
        done.append(one)
        if on_fold is not None:
            on_fold(one)
    return tuple(done)
