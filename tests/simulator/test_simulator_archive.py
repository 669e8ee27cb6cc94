from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdr_engine.schema import COLUMNS
from cdr_engine.simulator import COLUMN_NAMES, History, Simulator

FIRST, SECOND = "13670001", "15300001"
START = datetime(2024, 3, 4, tzinfo=UTC)
TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "instant": pa.timestamp("ms", "UTC"),
    "flag": pa.bool_(),
}
SCHEMA = pa.schema([(column.name, TYPES.get(column.kind, pa.string())) for column in COLUMNS])


@pytest.fixture(scope="module")
def exported(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of two days and accounts, a file a day, written from the truth."""
    folder = tmp_path_factory.mktemp("dataset")
    for account in (FIRST, SECOND):
        place = folder / "calls" / f"account_id={account}"
        place.mkdir(parents=True)
        for day in range(2):
            start = START + timedelta(days=day)
            calls = history.calls(account, start, start + timedelta(days=1))
            columns = {name: [call[name] for call in calls] for name in COLUMN_NAMES}
            pq.write_table(
                pa.table(columns, SCHEMA), place / f"{start:%Y%m%dT%H%M%SZ}--later.parquet"
            )
    return folder


@pytest.mark.parametrize("zone", ["UTC", "US/Arizona"])
@pytest.mark.parametrize("delimiter", ["COMMA", "PIPE"])
def test_same_report(
    running: Callable[..., Any],
    shared: Any,
    make_request: Callable[..., Any],
    exported: Path,
    zone: str,
    delimiter: str,
) -> None:
    """A dataset served back is, byte for byte, the report it would have come from."""
    local = ("2024-03-04 00:00:00", "2024-03-05 23:59:59")
    if zone != "UTC":
        local = ("2024-03-03 17:00:00", "2024-03-05 16:59:59")
    request = make_request(*local, zone, accounts=(FIRST, SECOND), delimiter=delimiter)
    plain = shared.report(request).content
    groups = request["reportCriteria"]["cloudProfileGroupIds"]
    groups[:] = [None]

    assert plain == running(dataset=exported).report(request).content


def test_part_of_it(
    running: Callable[..., Any], history: History, make_request: Callable[..., Any], exported: Path
) -> None:
    """Window and profiles choose among the calls of a dataset as they do elsewhere."""
    chosen = history.account(FIRST).profiles[0].profile_id
    request = make_request(
        "2024-03-04 18:30:00",
        "2024-03-05 02:29:59",
        cloudProfileIds=[chosen],
        cloudProfileGroupIds=[None],
    )
    body = running(dataset=exported).report(request).text
    first, last = START + timedelta(hours=18, minutes=30), START + timedelta(hours=26, minutes=30)
    expected = [
        call["uii"]
        for call in history.calls(FIRST, START, START + timedelta(days=2), [chosen])
        if first <= call["enqueue_time"] < last
    ]

    assert expected
    assert expected == [line.split("'")[1][:30] for line in body.splitlines()[1:]]


def test_by_destination(
    running: Callable[..., Any], history: History, make_request: Callable[..., Any], exported: Path
) -> None:
    """Destinations choose the calls that tried or reached them."""
    wanted = history.account(FIRST).destinations[2].destination_id
    request = make_request(
        groupBy="DESTINATION", cloudDestinationIds=[wanted], cloudDestinationGroupIds=[None]
    )
    body = running(dataset=exported).report(request).text
    calls = history.calls(FIRST, START, START + timedelta(days=2), destination_ids=[wanted])

    assert [c["uii"] for c in calls] == [row.split("'")[1][:30] for row in body.splitlines()[1:]]


def test_discovery(running: Callable[..., Any], history: History, exported: Path) -> None:
    """Accounts and profiles are those that occur in the dataset."""
    caller = running(dataset=exported)
    accounts = caller.get("/api/v1/admin/accounts").json()
    path = f"/api/v1/admin/accounts/{FIRST}/users/1/reports/inputControls"
    (group,) = caller.get(path, products="CLOUD_PROFILE").json()
    known = {p.profile_id: p.name for p in history.account(FIRST).profiles}

    assert [FIRST, SECOND] == [account["accountId"] for account in accounts]
    assert known == {child["objId"]: child["objectName"] for child in group["children"]}
    assert group["groupId"] is None


def test_no_dataset(tmp_path: Path) -> None:
    """A folder without data files is an OSError before any port is taken."""
    with pytest.raises(OSError, match="no data files"), Simulator(dataset=tmp_path):
        pass
