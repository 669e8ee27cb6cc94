from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from cdr_engine import ingest, open_dataset, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdr_engine import IngestSummary

SAMPLES = Path(__file__).parents[1] / "sample_data"
VENDOR, MONTH = SAMPLES / "vendor_example.csv", SAMPLES / "generated_month.csv"

EVERY_CALL: dict[str, Any] = {
    "account_id": "__HIVE_DEFAULT_PARTITION__",
    "outbound_externid": None,
    "media_isci": None,
    "media_network": None,
    "media_market": None,
    "media_code": None,
    "media_format": None,
    "media_version": None,
    "media_length": "0",
    "queue_time": 5,
    "call_state": "COMPLETE",
    "is_cellular": False,
    "dequeue_attempts": 2,
    "call_result": "CONNECTED",
    "recording_url": None,
    "attempt_2_id": None,
    "attempt_2_name": None,
    "attempt_2_route": None,
    "attempt_2_disp": None,
}

VENDOR_CALLS: list[dict[str, Any]] = [
    {
        "cloud_profile_id": 1111,
        "profile_name": "DTE",
        "uii": "202004250912250132110000003150",
        "ani": "2312866364",
        "dnis": "8889918278",
        "enqueue_time": datetime(2020, 4, 20, 13, 12, tzinfo=UTC),
        "dequeue_time": datetime(2020, 4, 20, 13, 12, tzinfo=UTC),
        "inbound_duration": 24,
        "connected_id": 4546,
        "connected_name": "DTE",
        "connected_route": "5854987200",
        "connected_duration": 19,
        "attempt_1_id": 4546,
        "attempt_1_name": "DTE",
        "attempt_1_route": "5854987282",
        "attempt_1_disp": "ANSWER(5)",
        **EVERY_CALL,
    },
    {
        "cloud_profile_id": 2222,
        "profile_name": "IT TFN",
        "uii": "202004251035200132150000009531",
        "ani": "6317967722",
        "dnis": "8774489485",
        "enqueue_time": datetime(2020, 4, 20, 14, 35, tzinfo=UTC),
        "dequeue_time": datetime(2020, 4, 20, 14, 35, tzinfo=UTC),
        "inbound_duration": 53,
        "connected_id": 4467,
        "connected_name": "IT TFN",
        "connected_route": "5127776541",
        "connected_duration": 48,
        "attempt_1_id": 4467,
        "attempt_1_name": "IT TFN",
        "attempt_1_route": "5127776551",
        "attempt_1_disp": "ANSWER(4)",
        **EVERY_CALL,
    },
    {
        "cloud_profile_id": 3333,
        "profile_name": "DTE",
        "uii": "202004251101260132100000073341",
        "ani": "2482069215",
        "dnis": "8889918238",
        "enqueue_time": datetime(2020, 4, 20, 15, 1, tzinfo=UTC),
        "dequeue_time": datetime(2020, 4, 20, 15, 1, tzinfo=UTC),
        "inbound_duration": 301,
        "connected_id": 4546,
        "connected_name": "DTE",
        "connected_route": "5854987200",
        "connected_duration": 296,
        "attempt_1_id": 4546,
        "attempt_1_name": "DTE",
        "attempt_1_route": "5854987234",
        "attempt_1_disp": "ANSWER(4)",
        **EVERY_CALL,
    },
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the samples go."""
    return tmp_path_factory.mktemp("samples") / "dataset"


@pytest.fixture(scope="module")
def loaded(dataset: Path) -> IngestSummary:
    """Both samples, with no zone passed: the requests beside them tell."""
    return ingest([VENDOR, MONTH], dataset)


def test_vendor_example(tmp_path: Path, rows_of: Callable[[Path], list[dict[str, Any]]]) -> None:
    """The three calls of the reference page come out with the values a person reads off it."""
    ingest([VENDOR], tmp_path / "dataset")

    assert VENDOR_CALLS == rows_of(tmp_path / "dataset")


def test_types_of_the_vendor_example(tmp_path: Path) -> None:
    """Whoever reads the file directly finds numbers, instants and flags, in the page's order."""
    ingest([VENDOR], tmp_path / "dataset")
    (path,) = (tmp_path / "dataset").glob("calls/*/*.parquet")
    schema = pq.ParquetFile(path).schema_arrow

    header = VENDOR.read_text().partition("\n")[0]
    assert header.split(",") == schema.names
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    assert {
        "int64": ["cloud_profile_id", "connected_id", "attempt_1_id", "attempt_2_id"],
        "int32": ["queue_time", "dequeue_attempts", "inbound_duration", "connected_duration"],
        "timestamp[ms, tz=UTC]": ["enqueue_time", "dequeue_time"],
        "bool": ["is_cellular"],
    } == {
        kind: [name for name in schema.names if kinds[name] == kind]
        for kind in ("int64", "int32", "timestamp[ms, tz=UTC]", "bool")
    }


def test_ledger_of_the_vendor_example(loaded: IngestSummary) -> None:
    """Every byte of the example is the header or a call, and no account is made up for it."""
    footer = loaded.files[0].footer

    assert (1037, 451, 586) == (
        footer.ledger.bytes,
        footer.ledger.header_bytes,
        footer.ledger.row_bytes,
    )
    assert (3, 3, 0, 0) == (
        footer.ledger.records,
        footer.ledger.rows,
        footer.ledger.rejected_records,
        footer.ledger.rejected_cells,
    )
    assert (None, "US/Arizona") == (footer.account_id, footer.time_zone)


def test_vendor_example_in_local_time(tmp_path: Path) -> None:
    """A dataset opens in the zone of its reports: the clock of the page."""
    ingest([VENDOR], tmp_path / "dataset")
    with open_dataset(tmp_path / "dataset") as opened:
        answer = opened.sql("select enqueue_time::varchar as at from calls order by uii").read_all()

    assert [
        "2020-04-20 06:12:00-07",
        "2020-04-20 07:35:00-07",
        "2020-04-20 08:01:00-07",
    ] == answer["at"].to_pylist()


def test_vendor_example_without_its_request(tmp_path: Path) -> None:
    """The page's example cannot be read without its zone, and says so."""
    from cdr_engine.errors import UsageError

    copy = shutil.copy(VENDOR, tmp_path / "alone.csv")
    with pytest.raises(UsageError, match="time zone"):
        ingest([copy], tmp_path / "dataset")


def test_vendor_request() -> None:
    """The request beside the example is the one of the reference page."""
    request = json.loads((SAMPLES / "vendor_example.request.json").read_text())

    assert {
        "delimiter": "COMMA",
        "reportType": "CASPER_REPORT",
        "reportTypeName": "Cloud_Call_Detail_Download",
        "reportCriteria": {
            "accountIds": ["13670001", "15300001"],
            "groupBy": "PROFILE",
            "cloudDestinationGroupIds": [],
            "cloudDestinationIds": [],
            "cloudProfileGroupIds": [111, None],
            "cloudProfileIds": [1111, 2222, 3333, 4444],
            "endTimestamp": "2020-05-19 23:59:59",
            "startTimestamp": "2020-04-19 12:00:00",
            "timezoneName": "US/Arizona",
            "criteriaType": "CASPER_CRITERIA",
            "reportName": "Cloud_Call_Detail_Download",
            "returnType": "CSV",
            "schedule": {"repeatOption": "ONCE"},
        },
    } == request


def test_generated_month(loaded: IngestSummary) -> None:
    """The ledger agrees with what the month's maker counted while it made it."""
    counts = json.loads((SAMPLES / "generated_month.json").read_text())
    footer = loaded.files[1].footer
    ledger, sizes = footer.ledger, counts["bytes_of"]

    assert (counts["account_id"], counts["time_zone"], counts["sha256"]) == (
        footer.account_id,
        footer.time_zone,
        footer.sha256,
    )
    assert counts["records"] == ledger.records
    assert counts["rows"] + counts["duplicates"] == ledger.rows + ledger.duplicates
    assert sum(counts["rejected_records"].values()) == ledger.rejected_records
    assert sum(counts["cell_rejects"].values()) == ledger.rejected_cells
    assert counts["bytes"] == ledger.bytes
    assert sizes["header"] == ledger.header_bytes
    assert sizes["blank"] == ledger.blank_bytes
    assert sizes["row"] + sizes["duplicate"] == ledger.row_bytes
    rejected = sizes["field_count"] + sizes["not_utf8"] + sizes["no_uii"]
    assert rejected == ledger.rejected_bytes + ledger.tail_bytes


def test_rejects_of_the_generated_month(loaded: IngestSummary, dataset: Path) -> None:
    """Each broken record and cell is listed with its place: the bytes there are those it holds."""
    counts = json.loads((SAMPLES / "generated_month.json").read_text())
    body = MONTH.read_bytes()
    (path,) = dataset.glob("rejects/*/*.parquet")
    rejects = pq.ParquetFile(path).read().to_pylist()

    records = [reject for reject in rejects if reject["column"] is None]
    cells = [reject["column"] for reject in rejects if reject["column"] is not None]
    assert sum(counts["rejected_records"].values()) == len(records)
    assert counts["cell_rejects"] == {name: cells.count(name) for name in set(cells)}
    for reject in records:
        at = reject["byte_offset"]
        assert body[at : at + reject["length"]] == reject["raw"]


def test_oddities_of_the_generated_month(loaded: IngestSummary, dataset: Path) -> None:
    """What is merely odd is read: the counts of SQL over the rows are those of the maker."""
    odd = json.loads((SAMPLES / "generated_month.json").read_text())["oddities"]
    with open_dataset(dataset) as opened:
        answer = opened.sql(
            """
            with distinct_calls as (
                select distinct * from calls where account_id = '13670001'
            )
            select
                count(*) filter (profile_name is null) as no_profile_name,
                count(*) filter (ani is null) as blank_ani,
                count(*) filter (lower(ani) = 'anonymous') as anonymous_ani,
                count(*) filter (recording_url is not null) as recording,
                count(*) filter (outbound_externid is not null) as external_id,
                count(*) filter (media_length = '0') as no_media,
                count(*) filter (connected_id is null) as never_connected
            from distinct_calls
            """
        ).read_all()

    (found,) = answer.to_pylist()
    assert {name: odd[name] for name in found} == found


def test_verified_samples(loaded: IngestSummary, dataset: Path) -> None:
    """The dataset of the samples is what its footers claim."""
    assert [] == list(verify(dataset))
