"""A month of the simulator's calls, for views and for the plain Python that checks them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from calls_given import given

from cdr_engine.simulator import History
from cdr_engine.views import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MONTH_ZONE = "America/New_York"
"""Autumn's repeated hour is in the month."""


@pytest.fixture(scope="session")
def month_records() -> list[dict[str, Any]]:
    """
    A month of two accounts as the simulator knows it: one dict a call, 34 columns, account_id.

    Added are `start` (the instant, to the second) and `local` (the same, in the month's zone).
    """
    history = History(seed=11, calls_per_day=120)
    first, last = (datetime(2025, month, 15, 5, tzinfo=UTC) for month in (10, 11))
    return [
        record | {"local": record["start"].astimezone(ZoneInfo(MONTH_ZONE))}
        for account in history.accounts
        for record in history.calls(account.account_id, first, last)
    ]


@pytest.fixture(scope="session")
def month(
    tmp_path_factory: pytest.TempPathFactory, month_records: list[dict[str, Any]]
) -> Iterator[Any]:
    """The same month as a dataset, opened in the month's zone."""
    folder: Path = tmp_path_factory.mktemp("month")
    for account in {record["account_id"] for record in month_records}:
        rows = [
            {name: value for name, value in record.items() if name not in ADDED}
            for record in month_records
            if record["account_id"] == account
        ]
        given(folder, *rows, account=account)
    con = connect(folder, time_zone=MONTH_ZONE)
    yield con
    con.close()


ADDED = {"account_id", "start", "local"}
