from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

import cdr_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = Path(__file__).parents[1] / "sample_data" / "vendor_example.csv"

NAMES = [
    "Benchmark",
    "CdrError",
    "ExportObserver",
    "ExportOptions",
    "ExportPlan",
    "ExportSummary",
    "IngestSummary",
    "Ledger",
    "Observer",
    "OpenDataset",
    "Reject",
    "Report",
    "RollupSummary",
    "SpotSummary",
    "__version__",
    "bench",
    "compact",
    "export",
    "export_plan",
    "ingest",
    "ingest_spots",
    "open_dataset",
    "read_csv",
    "rejects",
    "repair",
    "rollup",
    "status",
    "sync",
    "verify",
]


def chunks(size: int = 100) -> Iterator[bytes]:
    """The vendor's example as it might arrive."""
    body = SAMPLE.read_bytes()
    return (body[at : at + size] for at in range(0, len(body), size))


def test_names() -> None:
    """The front door is this list."""
    assert NAMES == sorted(cdr_engine.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_documented(name: str) -> None:
    """Every name is there, and says what it is."""
    value = getattr(cdr_engine, name)

    if callable(value):
        assert (inspect.getdoc(value) or "").partition("\n")[0].endswith(".")
    else:
        assert "0.1.0" == value


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"__version__"}))
def test_annotated(name: str) -> None:
    """Every parameter and result of a public function or method has a type."""
    value = getattr(cdr_engine, name)
    members = vars(value).values() if inspect.isclass(value) else [value]
    for function in filter(inspect.isfunction, members):
        if not function.__name__.startswith("_"):
            signature = inspect.signature(function)
            untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
            assert set(untyped) <= {"self", "cls"}, function
            assert signature.return_annotation is not signature.empty, function


def test_import_is_light() -> None:
    """Importing the library loads neither the command line nor a server."""
    heavy = "{'cyclopts', 'starlette', 'uvicorn', 'cdr_engine.cli', 'cdr_engine.simulator'}"
    code = f"import sys, cdr_engine; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ("", "") == (done.stdout.strip(), done.stderr)


def test_report_read_by_duckdb() -> None:
    """A report that arrives is a table for DuckDB, without a file in between."""
    report = cdr_engine.read_csv(chunks(), time_zone="US/Arizona")
    answer = duckdb.from_arrow(report).aggregate("count(*), sum(connected_duration)").fetchall()

    assert [(3, 19 + 48 + 296)] == answer
    assert (3, 1037) == (report.ledger.rows, report.ledger.bytes)


def test_report_named_in_sql() -> None:
    """A variable of Python is a table's name in DuckDB."""
    report = cdr_engine.read_csv(chunks(), time_zone="US/Arizona")
    answer = duckdb.sql("select uii, enqueue_time from report order by uii limit 1").fetchall()

    assert "202004250912250132110000003150" == answer[0][0]
    assert datetime(2020, 4, 20, 13, 12, tzinfo=UTC) == answer[0][1]
    assert 3 == report.ledger.rows


def test_report_read_by_polars() -> None:
    """A report that arrives is a data frame for Polars."""
    report = cdr_engine.read_csv(chunks(), time_zone="US/Arizona")
    frame = pl.DataFrame(report)

    assert [19, 48, 296] == frame["connected_duration"].to_list()
    assert 34 == frame.width


def test_report_as_batches() -> None:
    """Batches come one by one, and what was set aside is known when they end."""
    broken = SAMPLE.read_bytes() + b"\nonly,three,fields\n"
    report = cdr_engine.read_csv([broken], time_zone="US/Arizona")
    rows = sum(batch.num_rows for batch in report.to_batches())

    assert (3, 1) == (rows, len(report.rejects))
    assert b"only,three,fields\n" == report.rejects[0].raw


def test_dataset_in_ten_lines(tmp_path: Path) -> None:
    """Files go in, and SQL comes out as Arrow."""
    dataset = tmp_path / "dataset"
    cdr_engine.ingest([SAMPLE], dataset, time_zone="US/Arizona", account_id="13670001")
    with cdr_engine.open_dataset(dataset) as opened:
        answer = opened.sql(
            "select cloud_profile_id, connected_duration from calls "
            "where connected_duration > $least order by all",
            {"least": 20},
        ).read_all()
        offered = opened.sql("connect_rate_by_profile").read_all()

    assert [{2222: 48}, {3333: 296}] == [
        {row["cloud_profile_id"]: row["connected_duration"]} for row in answer.to_pylist()
    ]
    assert 3 == sum(offered["n_offered"].to_pylist())


def test_dataset_that_is_not_there(tmp_path: Path) -> None:
    """What does not exist is a named error for every function that reads."""
    for read in (cdr_engine.open_dataset, cdr_engine.status, cdr_engine.verify):
        with pytest.raises(cdr_engine.CdrError, match="there is no dataset at"):
            read(tmp_path / "gone")

    assert [] == list(tmp_path.iterdir())


def test_zone_that_is_none(tmp_path: Path) -> None:
    """A dataset opened in a zone that does not exist is refused as wrong use."""
    tmp_path.joinpath("dataset").mkdir()
    with pytest.raises(ValueError, match="Mars"):
        cdr_engine.open_dataset(tmp_path / "dataset", time_zone="Mars/Olympus")
