"""The report service on a socket, and two plain readers: of its truth, and of a dataset."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from cdr_engine import ExportSummary, export
from cdr_engine.simulator import ACCOUNT_IDS, History, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Row = dict[str, Any]

SEED, CALLS_PER_DAY = 7, 40
"""Some forty calls a day and account: enough for every kind of call within four days."""


@pytest.fixture(scope="session")
def history() -> History:
    """What happened, small."""
    return History(SEED, calls_per_day=CALLS_PER_DAY)


@pytest.fixture(scope="session")
def shared_simulator(history: History) -> Iterator[Simulator]:
    """One service for all tests, with the defaults."""
    with Simulator(history) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Simulator:
    """The shared service, with an empty log."""
    shared_simulator.requests.clear()
    return shared_simulator


@pytest.fixture
def serve(history: History) -> Iterator[Callable[..., Simulator]]:
    """Start a service of one's own: other switches, faults or calls."""
    with ExitStack() as running:

        def start(
            switches: Switches | None = None, calls: History | None = None, **options: Any
        ) -> Simulator:
            return running.enter_context(Simulator(calls or history, switches, **options))

        yield start


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., ExportSummary]:
    """Export into `tmp_path / "dataset"`, without a rate limit unless one is given."""

    def run(simulator: Simulator, start: str, end: str, **options: Any) -> ExportSummary:
        more = {"dataset": tmp_path / "dataset", "rate_limit": "off"} | options
        return export(
            base_url=simulator.base_url, token=simulator.token, start=start, end=end, **more
        )

    return run


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Path], list[Row]]:
    """Read all data files of a dataset in the order of their names, with pyarrow alone."""

    def read(dataset: Path) -> list[Row]:
        found: list[Row] = []
        for path in sorted((dataset / "calls").glob("*/*.parquet")):
            account_id = path.parent.name.removeprefix("account_id=")
            rows = pq.ParquetFile(path).read().to_pylist()
            found += [{"account_id": account_id, **row} for row in rows]
        return found

    return read


@pytest.fixture(scope="session")
def truth_of(history: History) -> Callable[..., list[Row]]:
    """
    What a report of local days (or times) has to say, account by account in the order of starts.

    A report prints local minutes: in the hour that occurs twice, both passes read as the first.
    """

    def printed(moment: datetime, zone: ZoneInfo) -> datetime:
        return moment.astimezone(zone).replace(fold=0).astimezone(UTC)

    def truth(
        start: str,
        end: str,
        zone_name: str = "UTC",
        accounts: Sequence[str] = ACCOUNT_IDS,
        calls: History = history,
    ) -> list[Row]:
        zone = ZoneInfo(zone_name)
        bounds = [datetime.fromisoformat(text).replace(tzinfo=zone) for text in (start, end)]
        found = [call for account_id in accounts for call in calls.calls(account_id, *bounds)]
        for call in found:
            del call["start"]
            for column in ("enqueue_time", "dequeue_time"):
                call[column] = printed(call[column], zone)
        return found

    return truth
