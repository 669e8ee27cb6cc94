from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from cdr_engine import ingest_spots, open_dataset, verify
from cdr_engine.cli import main
from cdr_engine.dataset import Layout
from cdr_engine.errors import CommitError, DataError, DatasetLocked, HeaderError, UsageError

HEADER = "time,network,market,code,cost"
LINE = "2026-11-01 18:29,KBLU,Reno,A1,1250.5"


def log(folder: Path, *lines: str, name: str = "spots.csv") -> Path:
    """A spot log of these lines."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def rows(dataset: Path) -> list[dict[str, Any]]:
    """Every airing, as the base relation has it."""
    with open_dataset(dataset) as opened:
        return opened.arrow("from spots order by aired_at, line").to_pylist()


def loaded(tmp_path: Path, *lines: str, **options: Any) -> list[dict[str, Any]]:
    """The airings of a log that was loaded."""
    ingest_spots(log(tmp_path, *lines), tmp_path / "d", **{"time_zone": "UTC"} | options)
    return rows(tmp_path / "d")


AT = datetime(2026, 11, 1, 18, 29, tzinfo=UTC)


def test_a_log(tmp_path: Path) -> None:
    """Time, network, market, code and cost come out typed, with the line they stood in."""
    assert [
        {
            "account_id": None,
            "aired_at": AT,
            "network": "KBLU",
            "market": "Reno",
            "code": "A1",
            "cost": Decimal("1250.5000"),
            "line": 2,
        }
    ] == loaded(tmp_path, HEADER, LINE)


@pytest.mark.parametrize(
    "lines",
    [
        ("Cost,Code,Air Time,DMA,Station", '"$1,250.50",A1,11/1/26 6:29 PM,Reno,KBLU'),
        ("media_code;Aired At;media_network;smedia_market;price",
         "A1;2026-11-01T18:29Z;KBLU;Reno;1250.50"),
        ("\ufeffDate\tTime\tChannel\tMarket\tCode\tSpend\tISCI",
         "11/1/2026\t18:29:00\tKBLU\tReno\tA1\t€1250.50\tXYZ"),
        ("date|time|network|market|code|cost", " 2026-11-01 | 6:29 PM |KBLU|Reno|A1|1250.50"),
        (HEADER, '2026-11-01 11:29:00-07:00,KBLU,Reno,A1,"1,250.50"'),
        ("time,network,market,code,cost,note", '2026-11-01 18:29,KBLU,Reno,A1,1250.5,"two\nlines"'),
    ],
)  # fmt: skip
def test_forms_of_a_log(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """Order, names, delimiters, clocks and currency signs may be those of the buyer."""
    (row,) = loaded(tmp_path, *lines)

    assert (AT, "KBLU", "Reno", "A1", Decimal("1250.5")) == tuple(
        row[name] for name in ("aired_at", "network", "market", "code", "cost")
    )


def test_columns_that_may_be_missing(tmp_path: Path) -> None:
    """Without network, market and cost these are NULL, and are named as missing."""
    path = log(tmp_path, "time,code,isci", "2026-11-01 18:29,A1,X")
    summary = ingest_spots(path, tmp_path / "d", time_zone="UTC")

    assert (("network", "market", "cost"), ("isci",)) == (
        summary.missing_columns, summary.ignored_columns
    )  # fmt: skip
    (row,) = rows(tmp_path / "d")
    assert [None] * 3 == [row[name] for name in ("network", "market", "cost")]


def test_clocks_that_change(tmp_path: Path) -> None:
    """A local time that comes twice is the earlier, one that is skipped moves on; both counted."""
    lines = [HEADER, "2026-11-01 01:30,,,A1,", "2026-03-08 02:30,,,A1,"]
    summary = ingest_spots(log(tmp_path, *lines), tmp_path / "d", time_zone="US/Eastern")

    assert (1, 1) == (summary.n_ambiguous, summary.n_skipped)
    assert [datetime(2026, 3, 8, 7, 30, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)] == [
        row["aired_at"] for row in rows(tmp_path / "d")
    ]


FAULTS = {
    "no time": ",KBLU,Reno,A1,1", "time": "yesterday,,,A1,1", "hour": "2026-11-01 25:10,,,A1,1",
    "code": "2026-11-01 18:29,,,,1", "cost in words": "2026-11-01 18:29,,,A1,free",
    "cost below zero": "2026-11-01 18:29,,,A1,-5",
    "cost of Europe": "2026-11-01 18:29,,,A1,1.250.5",
    "cells": "2026-11-01 18:29,,A1,1", "quote": '2026-11-01 18:29,"KBLU,,A1,1',
    "cost too long": f"2026-11-01 18:29,,,A1,{'9' * 15}",
}  # fmt: skip


@pytest.mark.parametrize("line", FAULTS.values(), ids=FAULTS)
def test_a_bad_line_loads_nothing(tmp_path: Path, line: str) -> None:
    """One line that cannot be read is named, and the dataset is not even begun."""
    with pytest.raises(DataError, match="line 3"):
        ingest_spots(log(tmp_path, HEADER, LINE, line), tmp_path / "d", time_zone="UTC")

    assert not (tmp_path / "d").exists()


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    """All bad lines come at once, each with its column, and without what stood in it."""
    lines = ["2026-11-01 18:29,,,secret,secret", "2026-11-01 18:29,,,,1"] * 15
    with pytest.raises(DataError) as caught:
        ingest_spots(log(tmp_path, HEADER, *lines), tmp_path / "d", time_zone="UTC")

    assert "line 2, cost: write" in str(caught.value)
    assert "line 3, code: it is empty" in str(caught.value)
    assert str(caught.value).endswith("; and 10 more")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("when,code", "no column is the time: call it time, aired_at"),
        ("time,cost", "no column is the code"),
        ("time,code,station,Network", "two columns are the network: station, Network"),
    ],
)
def test_header(tmp_path: Path, header: str, says: str) -> None:
    """A header without time or code, or with one twice, is an error that says what to write."""
    with pytest.raises(HeaderError, match=says):
        ingest_spots(log(tmp_path, header), tmp_path / "d", time_zone="UTC")


def test_not_utf_8(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error with their line."""
    path = log(tmp_path, HEADER)
    path.write_bytes(path.read_bytes() + b"2026-11-01 18:29,caf\xe9,,A1,1\n")
    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        ingest_spots(path, tmp_path / "d", time_zone="UTC")


def test_local_times_need_a_zone(tmp_path: Path) -> None:
    """Times without an offset need a zone; with one they need none."""
    with pytest.raises(UsageError, match="line 2 has a local time: pass --time-zone"):
        loaded(tmp_path, HEADER, LINE, time_zone=None)
    assert loaded(tmp_path, HEADER, "2026-11-01T18:29Z,,,A1,1", time_zone=None)
    with pytest.raises(UsageError, match="not in the TZ database"):
        loaded(tmp_path, HEADER, LINE, time_zone="Mars/Base")


def test_the_same_log_twice_is_once(tmp_path: Path) -> None:
    """A log is named by its content; meant for another account or zone it is refused."""
    path, dataset = log(tmp_path, HEADER, LINE, LINE), tmp_path / "d"
    first = ingest_spots(path, dataset, time_zone="UTC")
    again = ingest_spots(path, dataset, time_zone="UTC")

    assert (True, False, first.file) == (first.is_new, again.is_new, again.file)
    assert 2 == len(rows(dataset))
    for options in ({"time_zone": "US/Eastern"}, {"time_zone": "UTC", "account_id": "1"}):
        with pytest.raises(UsageError, match="its content is in the dataset for account all"):
            ingest_spots(path, dataset, **options)


def test_logs_that_overlap(tmp_path: Path) -> None:
    """Airings that another log holds are left out and counted; a second equal line is not."""
    dataset = tmp_path / "d"
    ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC")
    later = log(tmp_path, HEADER, LINE, LINE, LINE.replace("18:29", "19:29"))
    record = ingest_spots(later, dataset, time_zone="UTC").file.record

    assert (3, 2, 1) == (record.airings, record.rows, record.known)
    assert [2, 3, 4] == sorted(row["line"] for row in rows(dataset))


def test_another_cost(tmp_path: Path) -> None:
    """An airing that is there with another cost is an error: it would be paid for twice."""
    dataset = tmp_path / "d"
    ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC")
    with pytest.raises(DataError, match="line 2, cost: another log"):
        ingest_spots(log(tmp_path, HEADER, f"{LINE}9"), dataset, time_zone="UTC")
    assert 1 == len(rows(dataset))


def test_files_are_private_and_sealed(tmp_path: Path) -> None:
    """A log's file is the owner's alone; verify reads it, and repair sets it aside if damaged."""
    from cdr_engine import repair

    dataset = tmp_path / "d"
    path = ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC").file.path
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert [] == list(verify(dataset))

    body = bytearray(path.read_bytes())
    body[40] ^= 1
    path.write_bytes(body)
    assert [path] == [finding.path for finding in verify(dataset)]
    assert (path.stem,) == repair(dataset).to_ingest
    assert [] == rows(dataset)


@pytest.mark.parametrize(("of", "name"), [(Path, "rename"), (os, "fsync"), (os, "open")])
def test_nothing_is_left_of_a_commit_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: Any, name: str
) -> None:
    """Where the disk refuses, the dataset is as it was, and no name is left behind."""
    dataset = tmp_path / "d"
    first = ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC").file.path
    other = log(tmp_path, HEADER, LINE.replace("A1", "A2"))
    real = getattr(of, name)

    def refuse(*arguments: Any) -> Any:
        if name == "open" and str(arguments[0]).endswith(".lock"):
            return real(*arguments)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(of, name, refuse)
        with pytest.raises(CommitError, match="No space left"):
            ingest_spots(other, dataset, time_zone="UTC")
    assert [first] == list(first.parent.iterdir())


def test_what_a_killed_writer_left(tmp_path: Path) -> None:
    """A temporary name is no airing, and the next writer removes it."""
    dataset = tmp_path / "d"
    path = ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC").file.path
    left = path.with_name(".1-2.partial")
    left.write_bytes(path.read_bytes())
    assert 1 == len(rows(dataset))

    ingest_spots(log(tmp_path, HEADER, LINE.replace("A1", "A2")), dataset, time_zone="UTC")
    assert not left.exists()
    assert 2 == len(Layout(dataset).spot_files())


KILLED = """
import os, pathlib, sys
from cdr_engine import ingest_spots

of = {"rename": pathlib.Path, "fsync": os}[sys.argv[1]]
setattr(of, sys.argv[1], lambda *arguments: os.kill(os.getpid(), 9))
ingest_spots(sys.argv[2], sys.argv[3], time_zone="UTC")
"""


@pytest.mark.parametrize("at", ["fsync", "rename"])
def test_killed(tmp_path: Path, at: str) -> None:
    """Killed before its commit, a log is not there at all; loaded again, it is there once."""
    dataset = tmp_path / "d"
    ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC")
    path = log(tmp_path, HEADER, LINE.replace("A1", "A2"))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, at, str(path), str(dataset)], check=False
    )

    assert (-9, 1, 1) == (
        killed.returncode, len(rows(dataset)), len(list(dataset.glob("spots/*.partial")))
    )  # fmt: skip
    ingest_spots(path, dataset, time_zone="UTC")
    assert (2, 2) == (len(rows(dataset)), len(list((dataset / "spots").iterdir())))


def test_one_writer(tmp_path: Path) -> None:
    """While another writes, a log waits for its turn."""
    dataset = tmp_path / "d"
    dataset.mkdir()
    with FileLock(dataset / ".lock"), pytest.raises(DatasetLocked):
        ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC")


def test_opened_before_its_first_log(tmp_path: Path) -> None:
    """An open dataset sees the first log that comes."""
    dataset = tmp_path / "d"
    dataset.mkdir()
    with open_dataset(dataset) as opened:
        assert 0 == opened.arrow("spots").num_rows
        ingest_spots(log(tmp_path, HEADER, LINE), dataset, time_zone="UTC")
        assert 1 == opened.arrow("spots").num_rows


def test_parquet_types(tmp_path: Path) -> None:
    """Any reader of the file sees an instant and a decimal."""
    path = ingest_spots(log(tmp_path, HEADER, LINE), tmp_path / "d", time_zone="UTC").file.path
    types = {field.name: str(field.type) for field in pq.read_schema(path)}

    assert ("timestamp[ms, tz=UTC]", "decimal128(18, 4)") == (types["aired_at"], types["cost"])


def run(*arguments: str) -> int:
    """A command's exit code."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what it did, on standard output, and what it left out on the other."""
    path = str(log(tmp_path, f"{HEADER},isci", f"{LINE},X"))
    flags = ("--dataset", str(tmp_path / "d"), "--time-zone", "UTC", "--account", "7")

    assert 0 == run("ingest-spots", path, *flags)
    out, err = capsys.readouterr()
    assert out.startswith("1 airings in ")
    assert "columns that are not read: isci" in err
    assert 0 == run("ingest-spots", path, *flags, "--json")
    out, err = capsys.readouterr()
    assert (False, "7", 1) == (
        json.loads(out)["is_new"],
        json.loads(out)["record"]["account_id"],
        json.loads(out)["record"]["rows"],
    )
    assert "in the dataset already" in err
    assert (tmp_path / "d" / "cdr.duckdb").exists()


def test_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad line is exit 1, a missing file or zone exit 2."""
    flags = ("--dataset", str(tmp_path / "d"))

    assert 2 == run("ingest-spots", "nowhere.csv", *flags)
    assert 2 == run("ingest-spots", str(log(tmp_path, HEADER, LINE)), *flags)
    bad = str(log(tmp_path, HEADER, "x,,,A1,1"))
    assert 1 == run("ingest-spots", bad, *flags, "--time-zone", "UTC")
    assert "line 2, time: write 2026-11-01 18:29 or" in capsys.readouterr().err
