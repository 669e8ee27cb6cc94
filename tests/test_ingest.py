from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cdr_engine import errors, ingest, status, verify
from cdr_engine.simulator import ACCOUNT_IDS, COLUMN_NAMES, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdr_engine import ExportSummary

    Row = dict[str, Any]

ONE, OTHER = ACCOUNT_IDS
ZONE = "US/Arizona"
NOBODY = 65534
HEADER = ",".join(COLUMN_NAMES)


def request(start: str, end: str, accounts: list[str], zone: str = "UTC") -> dict[str, Any]:
    """The body of the reference page, for every profile of the simulator's accounts."""
    return {
        "delimiter": "COMMA",
        "reportType": "CASPER_REPORT",
        "reportTypeName": "Cloud_Call_Detail_Download",
        "reportCriteria": {
            "accountIds": accounts,
            "groupBy": "PROFILE",
            "cloudDestinationGroupIds": [],
            "cloudDestinationIds": [],
            "cloudProfileGroupIds": [111, 112, 211, 212, None],
            "cloudProfileIds": list(range(1111, 10_000)),
            "endTimestamp": end,
            "startTimestamp": start,
            "timezoneName": zone,
            "criteriaType": "CASPER_CRITERIA",
            "reportName": "Cloud_Call_Detail_Download",
            "returnType": "CSV",
            "schedule": {"repeatOption": "ONCE"},
        },
    }


def archive(simulator: Simulator, path: Path, asked: dict[str, Any]) -> Path:
    """Save the service's answer as a file, without the engine."""
    answer = httpx.post(
        f"{simulator.base_url}/api/v1/admin/accounts/{ONE}/reportsStreaming",
        headers={"Authorization": f"bearer {simulator.token}"},
        json=asked,
    )
    assert httpx.codes.OK == answer.status_code
    path.write_bytes(answer.content)
    return path


def day(simulator: Simulator, path: Path, first: int, last: int) -> Path:
    """Save the report of some days of November 2024 in UTC."""
    start, end = f"2024-11-{first:02d} 00:00:00", f"2024-11-{last:02d} 23:59:59"
    return archive(simulator, path, request(start, end, [ONE]))


def small(path: Path, uii: str = "202411011200000132000000000001", line_end: str = "\n") -> Path:
    """A report of one call, made by hand."""
    cells = {"cloud_profile_id": "1", "uii": f"'{uii}", "enqueue_time": "11/1/24 9:00 AM"}
    line = ",".join(cells.get(name, "") for name in COLUMN_NAMES)
    path.write_text(f"{HEADER}{line_end}{line}{line_end}", newline="")
    return path


def test_archive(
    simulator: Simulator,
    tmp_path: Path,
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
) -> None:
    """The rows of a file are the calls it was made from; it is named by its content."""
    path = day(simulator, tmp_path / "days.csv", 1, 3)
    summary = ingest([path], tmp_path / "dataset", time_zone="UTC", account_id=ONE)

    assert truth_of("2024-11-01", "2024-11-04", accounts=[ONE]) == rows_of(tmp_path / "dataset")
    (file,) = summary.files
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.path.stem == file.footer.sha256
    assert path.stat().st_size == file.footer.ledger.bytes
    assert [] == list(verify(tmp_path / "dataset"))


def test_report_of_two_accounts_with_a_header_for_each(
    serve: Callable[..., Simulator],
    tmp_path: Path,
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
) -> None:
    """A header in the middle is no call."""
    asked = request("2024-11-01 00:00:00", "2024-11-02 23:59:59", [ONE, OTHER])
    simulator = serve(Switches(header_per_account=True))
    path = archive(simulator, tmp_path / "both.csv", asked)
    summary = ingest([path], tmp_path / "dataset", time_zone="UTC")

    expected = [call["uii"] for call in truth_of("2024-11-01", "2024-11-03")]
    assert expected == [row["uii"] for row in rows_of(tmp_path / "dataset")]
    assert 2 * len(HEADER + "\n") == summary.files[0].footer.ledger.header_bytes
    assert 0 == summary.files[0].footer.ledger.rejected_records


def test_same_content_twice(tmp_path: Path) -> None:
    """A file that is there already, under whatever name, is left alone and named as known."""
    first, copy = small(tmp_path / "first.csv"), small(tmp_path / "copy.csv")
    one_run = ingest([first, copy], tmp_path / "dataset", time_zone=ZONE)
    later = ingest([copy], tmp_path / "dataset", time_zone=ZONE)

    assert ([first.stat().st_size], (str(copy),)) == (
        [file.footer.ledger.bytes for file in one_run.files],
        one_run.known,
    )
    assert ((), (str(copy),)) == (later.files, later.known)
    assert 1 == len(status(tmp_path / "dataset").files)


def test_other_file_of_the_same_length(tmp_path: Path) -> None:
    """Content decides, not length."""
    files = [small(tmp_path / f"{n}.csv", f"20241101120000013200000000000{n}") for n in (1, 2)]
    summary = ingest(files, tmp_path / "dataset", time_zone=ZONE)

    assert [1, 1] == [file.footer.ledger.rows for file in summary.files]


def test_overlapping_archives(
    simulator: Simulator,
    tmp_path: Path,
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
) -> None:
    """Calls that two files hold are there once, and the ledger counts them."""
    files = [
        day(simulator, tmp_path / f"{first}-{last}.csv", first, last)
        for first, last in ((1, 3), (3, 5), (2, 4))
    ]
    summary = ingest(files, tmp_path / "dataset", time_zone="UTC", account_id=ONE)

    rows = rows_of(tmp_path / "dataset")
    expected = truth_of("2024-11-01", "2024-11-06", accounts=[ONE])
    assert sorted(call["uii"] for call in expected) == sorted(row["uii"] for row in rows)
    third = len(truth_of("2024-11-03", "2024-11-04", accounts=[ONE]))
    middle = len(truth_of("2024-11-02", "2024-11-05", accounts=[ONE]))
    assert [0, third, middle] == [file.footer.ledger.duplicates for file in summary.files]
    assert [] == list(verify(tmp_path / "dataset"))


def test_archive_of_what_was_exported(
    simulator: Simulator, fetch: Callable[..., ExportSummary], tmp_path: Path
) -> None:
    """A file with calls that an export brought adds only the others."""
    fetch(simulator, "2024-11-01", "2024-11-03", accounts=[ONE])
    path = day(simulator, tmp_path / "days.csv", 2, 3)
    before = status(tmp_path / "dataset").ledger.rows
    (file,) = ingest([path], tmp_path / "dataset", time_zone="UTC", account_id=ONE).files

    assert 0 < file.footer.ledger.duplicates < file.footer.ledger.records
    assert before + file.footer.ledger.rows == status(tmp_path / "dataset").ledger.rows


def test_same_calls_of_another_account(tmp_path: Path) -> None:
    """Accounts are apart: what one holds is no duplicate in the other."""
    path = small(tmp_path / "calls.csv")
    for account_id in (ONE, OTHER):
        ingest([path], tmp_path / "dataset", time_zone=ZONE, account_id=account_id)

    held = status(tmp_path / "dataset")
    assert [1, 1, 0] == [held.of(name).ledger.rows for name in (ONE, OTHER, None)]


# The zone of a file


def enqueued(dataset: Path, rows_of: Callable[[Path], list[Row]]) -> datetime:
    """When the one call of `small` came."""
    (row,) = rows_of(dataset)
    moment: datetime = row["enqueue_time"]
    return moment


def test_zone_that_nobody_tells(tmp_path: Path) -> None:
    """Without a zone nothing is loaded, and the message says what to pass or where to put it."""
    known, unknown = small(tmp_path / "known.csv"), small(tmp_path / "unknown.csv")
    (tmp_path / "known.request.json").write_text(
        json.dumps({"reportCriteria": {"timezoneName": ZONE}})
    )
    with pytest.raises(errors.UsageError, match=r"unknown\.csv.*--time-zone.*unknown\.request"):
        ingest([known, unknown], tmp_path / "dataset")

    assert not (tmp_path / "dataset").exists()


def test_zone_of_the_request_beside_a_file(
    tmp_path: Path, rows_of: Callable[[Path], list[Row]]
) -> None:
    """The request that a file answers tells its zone, and its account where it names just one."""
    path = small(tmp_path / "calls.csv")
    asked = request("2024-11-01 00:00:00", "2024-11-01 23:59:59", [ONE], ZONE)
    (tmp_path / "calls.request.json").write_text(json.dumps(asked))
    ingest([path], tmp_path / "dataset", default_time_zone="Asia/Tokyo")

    assert datetime(2024, 11, 1, 16, tzinfo=UTC) == enqueued(tmp_path / "dataset", rows_of)
    assert [ONE] == [account.account_id for account in status(tmp_path / "dataset").accounts]


def test_zone_given_against_the_request(
    tmp_path: Path, rows_of: Callable[[Path], list[Row]]
) -> None:
    """What is passed for these files is believed before the request beside them."""
    path = small(tmp_path / "calls.csv")
    asked = request("2024-11-01 00:00:00", "2024-11-01 23:59:59", [ONE, OTHER], ZONE)
    (tmp_path / "calls.request.json").write_text(json.dumps(asked))
    ingest([path], tmp_path / "dataset", time_zone="UTC")

    assert datetime(2024, 11, 1, 9, tzinfo=UTC) == enqueued(tmp_path / "dataset", rows_of)
    assert [None] == [account.account_id for account in status(tmp_path / "dataset").accounts]


def test_default_zone(tmp_path: Path, rows_of: Callable[[Path], list[Row]]) -> None:
    """Files that say nothing are read in the default zone."""
    ingest([small(tmp_path / "calls.csv")], tmp_path / "dataset", default_time_zone="Asia/Tokyo")

    assert datetime(2024, 11, 1, 0, tzinfo=UTC) == enqueued(tmp_path / "dataset", rows_of)


@pytest.mark.parametrize(
    ("beside", "zone", "said"),
    [
        ("not json", None, "calls.request.json is not a report request"),
        ('{"reportCriteria": {"timezoneName": 7}}', None, "calls.request.json is not a report"),
        ("{}", None, "calls.request.json is not a report request"),
        ('{"reportCriteria": {}}', None, "in which time zone"),
        ('{"reportCriteria": {"timezoneName": "Mars"}}', None, "'Mars' is not in the TZ database"),
        ('{"reportCriteria": {}}', "../etc/passwd", "is not in the TZ database"),
    ],
)
def test_zone_that_is_none(beside: str, zone: str | None, said: str, tmp_path: Path) -> None:
    """A request that cannot be read, or a zone that is none, is refused before anything is done."""
    path = small(tmp_path / "calls.csv")
    (tmp_path / "calls.request.json").write_text(beside)
    with pytest.raises(errors.UsageError) as caught:
        ingest([path], tmp_path / "dataset", time_zone=zone)

    assert said in str(caught.value)
    assert not (tmp_path / "dataset").exists()


# Files that cannot be loaded


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"a,b,c\n1,2,3\n", b"<!doctype html>\n", b"PAR1...."],
    ids=["empty", "blank", "another-table", "html", "parquet"],
)
def test_file_that_is_no_report(content: bytes, tmp_path: Path) -> None:
    """A file without the header is refused by its name, in one line, and leaves nothing."""
    path = tmp_path / "wrong.csv"
    path.write_bytes(content)
    with pytest.raises(errors.HeaderError) as caught:
        ingest([path], tmp_path / "dataset", time_zone=ZONE)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert [] == status(tmp_path / "dataset").files
    assert [".lock"] == [p.name for p in (tmp_path / "dataset").rglob("*") if p.is_file()]


def test_second_file_is_no_report(tmp_path: Path) -> None:
    """What was loaded before the file that fails stays, and a rerun leaves it alone."""
    good, bad, last = small(tmp_path / "a.csv"), tmp_path / "b.csv", tmp_path / "c.csv"
    bad.write_text("a,b,c\n")
    small(last, line_end="\r\n")
    with pytest.raises(errors.HeaderError, match=r"b\.csv"):
        ingest([good, bad, last], tmp_path / "dataset", time_zone=ZONE)

    assert 1 == status(tmp_path / "dataset").ledger.rows
    again = ingest([good, last], tmp_path / "dataset", time_zone=ZONE)
    assert (str(good),) == again.known
    assert [(0, 1)] == [(f.footer.ledger.rows, f.footer.ledger.duplicates) for f in again.files]


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named before any other is loaded."""
    with pytest.raises(errors.UsageError, match=r"gone\.csv: there is no such file"):
        ingest(
            [small(tmp_path / "a.csv"), tmp_path / "gone.csv"],
            tmp_path / "dataset",
            time_zone=ZONE,
        )

    assert not (tmp_path / "dataset").exists()


def test_file_that_fails_while_it_is_read(tmp_path: Path) -> None:
    """An error of the disk is a named error with the path, and commits nothing."""
    path = tmp_path / "calls.csv"
    path.symlink_to("/proc/self/mem")
    with pytest.raises(errors.DataError, match=r"calls\.csv cannot be read: Input/output error"):
        ingest([path], tmp_path / "dataset", time_zone=ZONE)

    assert [] == status(tmp_path / "dataset").files


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of one's own, as somebody who may not read everything as root may."""
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        ingest([small(Path(folder) / "first.csv")], Path(folder) / "warm", time_zone=ZONE)
        if is_root:
            shutil.chown(folder, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)


def test_file_that_may_not_be_read(nobody: Path) -> None:
    """A file of somebody else's is a named error with the path."""
    path = small(nobody / "calls.csv")
    path.chmod(0)
    with pytest.raises(errors.DataError, match=r"calls\.csv cannot be read: Permission denied"):
        ingest([path], nobody / "dataset", time_zone=ZONE)


def test_account_that_cannot_be_a_folder(tmp_path: Path) -> None:
    """An account id never leads out of the dataset."""
    with pytest.raises(errors.UsageError, match="account id"):
        ingest(
            [small(tmp_path / "a.csv")],
            tmp_path / "dataset",
            time_zone=ZONE,
            account_id="../../elsewhere",
        )

    assert ["a.csv", "dataset"] == sorted(path.name for path in tmp_path.iterdir())
