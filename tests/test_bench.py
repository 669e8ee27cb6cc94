from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

import cdr_engine
from cdr_engine.bench import bench
from cdr_engine.bench.comparison import Comparison
from cdr_engine.bench.peers import DISTRIBUTIONS, PEERS
from cdr_engine.bench.process import ProcessFailed, measured
from cdr_engine.cli import benchmark
from cdr_engine.errors import DataError, UsageError

GENERATOR = Path(__file__).parents[1] / "benchmarks" / "calls_csv.py"
ROWS = 2_000
ZONE = "US/Arizona"
STAGES = ["read", "cut", "decode", "write", "commit", "read back"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realistic report on disk."""
    spec = importlib.util.spec_from_file_location("calls_csv", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    calls_csv = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(calls_csv)
    path = tmp_path_factory.mktemp("bench") / "it's calls.csv"
    calls_csv.write(path, ROWS)
    return path


def cdr(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cdr_engine", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_stage_and_every_installed_peer(source: Path, tmp_path: Path) -> None:
    """The command prints one line a stage and a library, and leaves nothing behind."""
    done = cdr("bench", str(source), "--time-zone", ZONE, "--rounds=1", "--json", folder=tmp_path)
    found: dict[str, Any] = json.loads(done.stdout)
    readers = {reader["reader"]: reader for reader in found["readers"]}

    assert 0 == done.returncode, done.stderr
    assert STAGES == [stage["stage"] for stage in found["stages"]]
    assert {"cdr_engine", "duckdb", "polars", "pyarrow"} <= set(readers)
    assert set(PEERS) == set(readers) | set(found["left_out"])
    assert {ROWS} == {reader["rows"] for reader in readers.values()}
    assert 1.0 == readers["cdr_engine"]["ratio"]
    assert (ROWS, 0, source.stat().st_size) == (
        found["rows"],
        found["rejects"],
        found["body_bytes"],
    )
    assert [] == list(tmp_path.iterdir())


def test_tables_for_a_reader(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The machine, the stages and the libraries are shown as tables, each in its line."""
    benchmark._show(bench([source], time_zone=ZONE, rounds=1, readers=[]))
    words = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    leads = [" ".join(line[:2]) for line in words]

    assert "cores," in words[0]
    assert "read back" in leads
    assert f"cdr_engine {cdr_engine.__version__}" in leads


def test_archives_are_unpacked(source: Path, tmp_path: Path) -> None:
    """Archives are measured by the text in them, and the readers load every report."""
    packed, archive = tmp_path / "calls.csv.gz", tmp_path / "calls.zip"
    packed.write_bytes(gzip.compress(source.read_bytes(), 1))
    with zipfile.ZipFile(archive, "w") as out:
        out.write(source, "one.csv")
        out.write(source, "two.csv")
    found = bench([packed, archive], time_zone=ZONE, rounds=1, readers=["duckdb"])

    assert 3 * source.stat().st_size == found.body_bytes
    assert {3 * ROWS} == {found.rows, *(reader.rows for reader in found.readers)}


def test_every_peer_does_the_same_work(source: Path, tmp_path: Path) -> None:
    """What each installed library writes has the engine's rows and values."""
    comparison = Comparison([source], ZONE, tmp_path, readers=PEERS, said=lambda _: None)
    comparison.run()
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    ours = comparison.target("cdr_engine")
    kinds = connection.execute("describe from read_parquet(?)", [str(ours)]).fetchall()
    columns = ", ".join(f'"{kind[0]}"::{kind[1]}' for kind in kinds)
    rows = f"select {columns} from read_parquet(?)"

    assert {"duckdb", "polars", "pyarrow"} <= set(comparison.runs)
    for peer in comparison.runs:
        pair = [str(ours), str(comparison.target(peer))]
        for one, other in (pair, pair[::-1]):
            query = f"select count(*) from ({rows} except all {rows})"
            assert [(0,)] == connection.execute(query, [one, other]).fetchall(), peer


def test_peer_that_is_not_installed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that is not there is named, with no time."""
    monkeypatch.setitem(DISTRIBUTIONS, "polars", "no-such-distribution")
    comparison = Comparison([source], ZONE, tmp_path, readers=["polars"], said=lambda _: None)

    assert ({"polars": "not installed"}, {}) == (comparison.left_out, comparison.runs)


def test_peer_that_cannot_read_the_file(source: Path, tmp_path: Path) -> None:
    """A library that fails on a file is left out with what it said; the engine counts a reject."""
    header, first, *rest = source.read_bytes().splitlines(keepends=True)
    names = header.decode().strip().split(",")
    cells = first.split(b",")
    cells[names.index("queue_time")] = b"soon"
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"".join([header, b",".join(cells), *rest]))
    found = bench([bad], time_zone=ZONE, rounds=1, readers=["duckdb"])

    assert ["cdr_engine"] == [reader.reader for reader in found.readers]
    assert (ROWS, 1) == (found.rows, found.rejects)
    assert found.left_out["duckdb"]


def test_not_a_report(tmp_path: Path) -> None:
    """A file that is not the report is an error that says so."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(DataError, match=r"^no header line of the report"):
        bench([other], time_zone=ZONE, rounds=1, readers=[])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bench"], "name the files"),
        (["bench", "gone.csv", "--time-zone", ZONE], "gone.csv: there is no such file"),
        (["bench", "gone.csv"], "in which time zone"),
        (["bench", "gone.csv", "--time-zone", ZONE, "--rounds", "0"], "rounds"),
    ],
)
def test_wrong_use(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Wrong use is said in one line, with exit code 2."""
    done = cdr(*arguments, folder=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr


def test_zone_that_is_none(source: Path) -> None:
    """A zone that does not exist is wrong use."""
    with pytest.raises(UsageError, match="Mars/Olympus"):
        bench([source], time_zone="Mars/Olympus")


def test_peak_memory_is_the_process_own() -> None:
    """What the caller holds does not count as memory of the process that is measured."""
    held = bytearray(b"\1") * 300_000_000
    usage = measured([sys.executable, "-c", "print('done')"])

    assert b"done\n" == usage.output
    assert 1_000_000 < usage.peak_bytes < len(held) / 2


def test_process_fed() -> None:
    """A process reads what it is fed to the end, and its memory is measured."""
    code = "import sys; held = sys.stdin.buffer.read(); print(len(held))"
    usage = measured([sys.executable, "-c", code], feed=(b"x" * 1_000_000 for _ in range(50)))

    assert b"50000000\n" == usage.output
    assert usage.peak_bytes > 50_000_000


def test_process_that_fails() -> None:
    """A process that fails is an error with its last line, also where it never read its input."""
    code = "import sys; sys.exit('first\\nno room left')"
    with pytest.raises(ProcessFailed, match=r"^no room left$"):
        measured([sys.executable, "-c", code], feed=(b"x" * 1_000_000 for _ in range(50)))
