"""The command that brings spot logs into a dataset."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from cdr_engine.cli.common import Common, amount, emit, errors, output
from cdr_engine.cli.transfer import renew_views

__all__ = ["ingest_spots"]

_COMMON = Common()


def ingest_spots(
    path: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    time_zone: str | None = None,
    account: str | None = None,
    common: Common = _COMMON,
) -> int:
    """
    Load a log of aired advertisements, for spot_response and cost_per_call.

    It is CSV with a header: time (or date and time), code, and, where there are, network, market
    and cost, in any order. A line that cannot be read is named, and then nothing is loaded.

    Parameters
    ----------
    path
        The log; one that is there already is left alone.
    time_zone
        Zone of its local times, such as US/Eastern; needed where they carry no offset.
    account
        Account whose calls the airings are compared with; by default all accounts'.
    """
    from cdr_engine import ingest_spots as ingesting

    settings = common.settings()
    summary = ingesting(
        path,
        settings.dataset_path,
        time_zone=time_zone or settings.time_zone,
        account_id=account,
    )
    record = summary.file.record
    said = {
        "columns that are not read": ", ".join(summary.ignored_columns),
        "columns that it lacks": ", ".join(summary.missing_columns),
        "times that occur twice as clocks go back, taken as the earlier": summary.n_ambiguous,
        "times that clocks skip, moved forward": summary.n_skipped,
        "airings that other logs hold, left out": record.known,
    }
    for what, found in said.items():
        if found:
            errors().print(f"{path}: {what}: {found}", soft_wrap=True, markup=False)
    if not summary.is_new:
        errors().print(f"{path}: its content is in the dataset already", soft_wrap=True)
    renew_views(common, is_changed=summary.is_new)
    if common.json:
        emit(
            {
                "path": str(summary.file.path),
                "is_new": summary.is_new,
                "ignored_columns": summary.ignored_columns,
                "missing_columns": summary.missing_columns,
                "n_ambiguous": summary.n_ambiguous,
                "n_skipped": summary.n_skipped,
                "record": record,
            }
        )
    elif summary.is_new:
        output().print(f"{amount(record.rows)} airings in {summary.file.path}", soft_wrap=True)
    return 0
