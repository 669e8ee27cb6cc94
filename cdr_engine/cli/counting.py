"""The command that counts ahead, and who calls for it by itself."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from cdr_engine.cli.common import Common, amount, emit, errors

if TYPE_CHECKING:
    from cdr_engine.settings import Settings

__all__ = ["renew_counts", "rollup"]

_COMMON = Common()


def rollup(*, time_zone: str | None = None, common: Common = _COMMON) -> int:
    """
    Count the calls of data files ahead, for views that sum counts.

    Answers are the same without it: it is for tens of millions of calls and more. Files that come
    or go afterwards are noticed; `cdr export` and `cdr sync` count again when much has come.

    Parameters
    ----------
    time_zone
        Zone of local days; by default the reports' own. Questions in another zone do without.
    """
    from cdr_engine import rollup as counting

    settings = common.settings()
    summary = counting(settings.dataset_path, time_zone=time_zone, definitions=settings.definitions)
    if common.json:
        emit(summary._asdict())
        return 0
    errors().print(
        f"counted {amount(summary.n_calls)} calls of {amount(summary.n_files)} files; "
        f"{amount(summary.n_kept_files)} files were counted before"
    )
    return 0


def renew_counts(settings: Settings) -> None:
    """
    Count again if much has come; that it fails is no error, as answers are the same without.

    It runs in a process of its own, whose memory ends with it.
    """
    from cdr_engine.errors import CdrError
    from cdr_engine.rollup import is_due

    dataset = settings.dataset_path
    try:
        if not is_due(dataset, definitions=settings.definitions):
            return
    except CdrError as error:
        problem = str(error)
    else:
        command = [sys.executable, "-m", "cdr_engine", "rollup", "--dataset", str(dataset)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own
        problem = done.stderr.strip() if done.returncode else ""
    if problem:
        errors().print(f"not counted ahead: {problem}", soft_wrap=True, markup=False)
