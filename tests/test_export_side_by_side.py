"""Windows side by side: what arrives does not depend on their number, their order or the jobs."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from cdr_engine import ExportObserver, ExportSummary, errors, verify
from cdr_engine.simulator import ACCOUNT_IDS, History, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Fetch = Callable[..., ExportSummary]

ONE, OTHER = ACCOUNT_IDS
NEW_YORK = "America/New_York"


def content(dataset: Path) -> tuple[int, str]:
    """Number of rows, and a hash over all columns of all rows in the order of their values."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select * exclude (filename) from read_parquet(?, hive_partitioning = true, "
            "union_by_name = true, filename = true) order by all",
            [str(dataset / "calls" / "*" / "*.parquet")],
        ).fetchall()
    return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()


def test_year_in_any_windows(serve: Callable[..., Simulator], fetch: Fetch, tmp_path: Path) -> None:
    """A year in one window or 365, with 1 job or 8, is the same calls once, column by column."""
    switches = Switches(overlap_s=7200)
    calls = History(5, calls_per_day=12, account_ids=(ONE,))
    simulator = serve(switches, calls=calls)
    found = {}
    for window, jobs in (("7000d", 1), ("auto", 8), ("12d", 1), ("1d", 8)):
        dataset = tmp_path / f"{window}-{jobs}"
        options = {"dataset": dataset, "window": window, "jobs": jobs, "time_zone": NEW_YORK}
        fetch(simulator, "2024-01-01", "2025-01-01", **options)
        found[window, jobs] = content(dataset)

    rows = {rows for rows, _ in found.values()}
    year = (datetime(2024, 1, 1, 5, tzinfo=UTC), datetime(2025, 1, 1, 5, tzinfo=UTC))
    assert len(calls.calls(ONE, *year)) <= max(rows)
    assert 1 == len(set(found.values())), found


def test_hour_that_occurs_twice_side_by_side(
    serve: Callable[..., Simulator], fetch: Fetch, tmp_path: Path
) -> None:
    """Windows that bring the same calls at the same time keep each call once, counted."""
    busy = History(3, calls_per_day=4000, account_ids=(ONE,))
    simulator = serve(calls=busy)
    day = datetime(2024, 11, 3, 4, tzinfo=UTC), datetime(2024, 11, 4, 5, tzinfo=UTC)
    expected = sorted(call["uii"] for call in busy.calls(ONE, *day))
    for run in range(3):
        dataset = tmp_path / str(run)
        options = {"dataset": dataset, "window": "1h", "jobs": 8, "time_zone": NEW_YORK}
        summary = fetch(simulator, "2024-11-03", "2024-11-04", **options)
        with duckdb.connect() as connection:
            rows = connection.execute(
                "select uii from read_parquet(?) order by uii",
                [str(dataset / "calls" / "*" / "*.parquet")],
            ).fetchall()

        assert expected == [uii for (uii,) in rows]
        assert 0 < summary.ledger.duplicates
        assert [] == list(verify(dataset))


def test_jobs_are_under_way_at_once(simulator: Simulator, fetch: Fetch) -> None:
    """Four jobs are four threads, each of which asks for windows."""

    class Meeting(ExportObserver):
        def started(self, account_id: str, window: Any) -> None:  # noqa: ARG002
            told.add(threading.get_ident())

    told: set[int] = set()
    fetch(simulator, "2024-11-01", "2024-11-05", window="1d", jobs=4, observer=Meeting())

    assert 4 == len(told)


def test_locked_by_another_export(
    serve: Callable[..., Simulator], fetch: Fetch, tmp_path: Path
) -> None:
    """A second export into one dataset is refused while the first one runs, and harms nothing."""
    refused: list[BaseException] = []
    simulator = serve()

    class Second(ExportObserver):
        def committed(self, file: Any) -> None:  # noqa: ARG002
            with pytest.raises(errors.DatasetLocked) as caught:
                fetch(simulator, "2024-11-01", "2024-11-05", window="1d")
            refused.append(caught.value)

    fetch(simulator, "2024-11-01", "2024-11-05", window="1d", jobs=2, observer=Second())

    assert 8 == len(refused)
    assert [] == list(verify(tmp_path / "dataset"))
