"""Commands that tell what a dataset holds, and in which state."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cdr_engine.cli.common import Common, amount, emit, errors, output, private

__all__ = ["rejects", "status"]

_COMMON = Common()

REJECT_COUNTS = """
select account_id, reason, "column", count(*) as n_rejects
from rejects
group by all
order by all
"""

REJECT_LISTING = """
select record, byte_offset, reason, "column", left(raw::varchar, 32) as raw_start
from rejects
order by all
"""


def status(*, common: Common = _COMMON) -> int:
    """Show what the dataset covers: accounts, days, gaps, rows, rejects, sizes."""
    from cdr_engine.cli.tables import calendar_strip, coverage_table
    from cdr_engine.inspection import status as read_status

    coverage = read_status(common.settings().dataset_path)
    if common.json:
        emit(
            [
                {
                    "account_id": account.account_id,
                    "files": len(account.files),
                    "size": account.size,
                    "ledger": account.ledger,
                    "windows": [window._asdict() for window in account.windows],
                    "gaps": [gap._asdict() for gap in account.gaps],
                }
                for account in coverage.accounts
            ]
        )
        return 0
    console = output()
    if not coverage.accounts:
        errors().print("the dataset is empty")
        return 0
    zone = coverage.time_zones[0]
    console.print(coverage_table(coverage.accounts))
    for account in coverage.accounts:
        if account.windows:
            console.print(f"\naccount {account.account_id}, days of {zone}")
            console.print(calendar_strip(account, zone))
        for gap in account.gaps:
            console.print(f"gap: {gap}")
    return 0


def rejects(
    *,
    raw: Annotated[bool, Parameter(negative="")] = False,
    output_file: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    limit: int = 20,
    common: Common = _COMMON,
) -> int:
    """
    Count and list what was set aside, or give the records back to be mended.

    Parameters
    ----------
    raw
        Write the rejected records as they came, under their header.
    output_file
        File for them; standard output without it.
    limit
        Rejects to list below the counts.
    """
    from cdr_engine.analysis import open_dataset
    from cdr_engine.inspection import rejects as read_rejects
    from cdr_engine.inspection import write_raw_rejects
    from cdr_engine.views import write

    path = common.settings().dataset_path
    out = sys.stdout.buffer
    if raw and output_file is not None:
        with open(output_file, "wb", opener=private) as file:
            count = write_raw_rejects(path, file)
        errors().print(f"{amount(count)} records in {output_file}", soft_wrap=True)
    elif raw:
        write_raw_rejects(path, out)
    elif common.json:
        write(read_rejects(path), out, format="json")
    else:
        with open_dataset(path, **common.meaning()) as dataset:
            write(dataset.sql(REJECT_COUNTS), out)
            write(dataset.sql(REJECT_LISTING), out, limit=limit)
    out.flush()
    return 0
