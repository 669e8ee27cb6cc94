from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cdr_engine import ingest, rejects, status
from cdr_engine.errors import UsageError
from cdr_engine.inspection import write_raw_rejects
from cdr_engine.schema import HEADER, NAMES

ZONE = "US/Arizona"
SHORT = b"1111,DTE,'1\n"
NO_UII = b"," * 33 + b"\n"


def call(number: int, **cells: str) -> bytes:
    """One record with this uii and these cells."""
    values = {"uii": f"'{number:030d}"} | cells
    return (",".join(values.get(name, "") for name in NAMES) + "\n").encode()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two good calls, two records that cannot be kept, and a cell that does not fit."""
    body = HEADER.encode() + b"\n" + call(1) + SHORT + call(2, queue_time="soon") + NO_UII
    (tmp_path / "calls.csv").write_bytes(body)
    ingest([tmp_path / "calls.csv"], tmp_path / "dataset", time_zone=ZONE)
    return tmp_path / "dataset"


def cdr(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as its users do."""
    return subprocess.run(
        [sys.executable, "-m", "cdr_engine", *arguments], capture_output=True, check=True
    )


def test_every_reject_keeps_its_place_reason_and_bytes(dataset: Path) -> None:
    """Record number, byte offset, column, reason and raw bytes are read back as they were."""
    first = len(HEADER) + 1 + len(call(1))
    third = first + len(SHORT)
    found = [
        (row["record"], row["byte_offset"], row["column"], row["reason"], row["raw"])
        for row in rejects(dataset).read_all().to_pylist()
    ]

    assert [
        (2, first, None, "wrong field count", SHORT),
        (3, third, "queue_time", "not a whole number of 32 bits", b"soon"),
        (4, third + len(call(2, queue_time="soon")), None, "no uii", NO_UII),
    ] == found


def test_raw_records_under_their_header(dataset: Path) -> None:
    """The raw records are a CSV file of their own; cells are not among them."""
    out = io.BytesIO()
    count = write_raw_rejects(dataset, out)

    assert (2, HEADER.encode() + b"\n" + SHORT + NO_UII) == (count, out.getvalue())


def test_mended_records_are_ingested(dataset: Path, tmp_path: Path) -> None:
    """What was given back and mended completes the dataset; what is there is not doubled."""
    out = io.BytesIO()
    write_raw_rejects(dataset, out)
    mended = out.getvalue().replace(SHORT, call(3)).replace(NO_UII, call(1))
    (tmp_path / "mended.csv").write_bytes(mended)
    ingest([tmp_path / "mended.csv"], dataset, time_zone=ZONE)

    assert 3 == status(dataset).ledger.rows


def test_records_of_differing_headers(dataset: Path, tmp_path: Path) -> None:
    """Records of two headers make no single file, and none is written."""
    (tmp_path / "other.csv").write_bytes(b"uii|ani\n'9|\n'8\n")
    ingest([tmp_path / "other.csv"], dataset, time_zone=ZONE)
    out = io.BytesIO()
    with pytest.raises(UsageError, match="2 different headers"):
        write_raw_rejects(dataset, out)

    assert b"" == out.getvalue()


def test_command(dataset: Path, tmp_path: Path) -> None:
    """The command counts and lists, prints JSON, and writes the raw records for their owner."""
    shown = cdr("rejects", "--dataset", str(dataset)).stdout.decode()
    listed = json.loads(cdr("rejects", "--dataset", str(dataset), "--json").stdout)
    cdr("rejects", "--raw", "-o", str(tmp_path / "bad.csv"), "--dataset", str(dataset))

    assert "wrong field count" in shown
    assert [2, 3, 4] == [row["record"] for row in listed]
    assert 3 == len((tmp_path / "bad.csv").read_bytes().splitlines())
    assert 0o600 == (tmp_path / "bad.csv").stat().st_mode & 0o777
