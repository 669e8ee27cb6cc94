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


def rollup(*, time_zone: str | None = None, answers: bool = True, common: Common = _COMMON) -> int:
    """
    Count the calls of data files ahead, and keep the answers of views that cannot sum counts.

    What views say is the same without it: it is for millions of calls and more. Files that come or
    go afterwards are noticed; `cdr export` and `cdr sync` count again when much has come. An answer
    is read as long as the calls are those it was worked out from, so run this after them.

    Parameters
    ----------
    time_zone
        Zone of local days; by default the reports' own. Questions in another zone do without.
    answers
        Keep answers too, for which every call is read again, however few are new.
    """
    from cdr_engine import rollup as counting
    from cdr_engine.views import ANSWERED

    settings = common.settings()
    summary = counting(
        settings.dataset_path,
        time_zone=time_zone,
        definitions=settings.definitions,
        answers=answers,
    )
    if common.json:
        emit(summary._asdict())
        return 0
    errors().print(
        f"counted {amount(summary.n_calls)} calls of {amount(summary.n_files)} files; "
        f"{amount(summary.n_kept_files)} files were counted before"
    )
    if answers and summary.n_files + summary.n_kept_files:
        is_whole = summary.n_answers == len(ANSWERED)
        errors().print(
            f"answers of {summary.n_answers} views are kept"
            + ("" if is_whole else f", of {len(ANSWERED)}: calls came meanwhile, so run it again")
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
        command = [sys.executable, "-m", "cdr_engine", "rollup"]
        command += ["--no-answers", "--dataset", str(dataset)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own
        problem = done.stderr.strip() if done.returncode else ""
    if problem:
        errors().print(f"not counted ahead: {problem}", soft_wrap=True, markup=False)
