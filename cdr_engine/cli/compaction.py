"""The command that makes few files of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cdr_engine.cli.common import Common, amount, emit, errors, output
from cdr_engine.cli.counting import renew_counts

if TYPE_CHECKING:
    from cdr_engine.dataset import Fold

__all__ = ["compact"]

_COMMON = Common()


def compact(
    *,
    account: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    common: Common = _COMMON,
) -> int:
    """
    Fold old windows into larger files, at most a calendar month each.

    A month is folded when it is over and has settled; each call stays there once, wherever this is
    killed. A question that meets the moment in which files are exchanged is refused: ask again.
    Windows with rejects stay as they are.

    Parameters
    ----------
    account
        Only this account; repeatable.
    dry_run
        Only tell what would be folded.
    """
    from cdr_engine import compact as compacting

    def said(one: Fold) -> None:
        if not common.json:
            output().print(f"{one.account_id}  {one.window}  {amount(len(one.files))} files")

    settings = common.settings()
    done = compacting(settings.dataset_path, accounts=account, is_plan=dry_run, on_fold=said)
    if done and not dry_run:
        renew_counts(settings)
    if common.json:
        emit(
            [
                {
                    "account_id": one.account_id,
                    "start": one.window.start.isoformat(),
                    "end": one.window.end.isoformat(),
                    "files": [file.path.name for file in one.files],
                }
                for one in done
            ]
        )
        return 0
    if dry_run:
        for one in done:
            said(one)
    n_files = sum(len(one.files) for one in done)
    what = "would become" if dry_run else "became"
    errors().print(f"{amount(n_files)} files {what} {amount(len(done))}")
    return 0
