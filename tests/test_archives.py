from __future__ import annotations

import bz2
import gzip
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from cdr_engine import ingest, status
from cdr_engine.errors import DataError, SchemaError, UsageError
from cdr_engine.schema import HEADER, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

ZONE = "US/Arizona"


def report(first: int, count: int, *, mark: str = ",", names: tuple[str, ...] = NAMES) -> bytes:
    """A report of so many calls, told apart by their uii."""
    lines = [mark.join(names)]
    for number in range(first, first + count):
        cells = {"uii": f"'{number:030d}", "enqueue_time": "4/20/20 6:12 AM", "queue_time": "5"}
        lines.append(mark.join(cells.get(name, "") for name in names))
    return ("\n".join(lines) + "\n").encode()


def zstd(data: bytes) -> bytes:
    """The data compressed with zstd, as one frame."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


def two_members(data: bytes) -> bytes:
    """The data as two gzip members one after the other."""
    return gzip.compress(data[:100], mtime=0) + gzip.compress(data[100:], mtime=0)


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "gzip of two members": two_members,
    "bzip2": bz2.compress,
    "zstd": zstd,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_file(tmp_path: Path, coding: str) -> None:
    """A file is told by its first bytes, whatever it is called, and loads as the plain one."""
    path = tmp_path / "calls.download"
    path.write_bytes(CODINGS[coding](report(0, 20)))
    (file,) = ingest([path], tmp_path / "dataset", time_zone=ZONE).files

    assert (20, len(report(0, 20))) == (file.footer.ledger.rows, file.footer.ledger.bytes)


@pytest.mark.parametrize("coding", [name for name in CODINGS if name != "plain"])
def test_compressed_file_cut_short(tmp_path: Path, coding: str) -> None:
    """A compressed file that ends early is an error that names it, and commits nothing."""
    path = tmp_path / "calls.csv.x"
    whole = CODINGS[coding](report(0, 500))
    path.write_bytes(whole[:-7])
    with pytest.raises(DataError, match=r"calls\.csv\.x cannot be read to its end"):
        ingest([path], tmp_path / "dataset", time_zone=ZONE)

    assert [] == status(tmp_path / "dataset").files


def test_same_content_in_another_coding(tmp_path: Path) -> None:
    """A report that is there is known again, however it is packed."""
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_bytes(report(0, 9))
    packed.write_bytes(CODINGS["gzip"](report(0, 9)))
    ingest([plain], tmp_path / "dataset", time_zone=ZONE)
    again = ingest([packed], tmp_path / "dataset", time_zone=ZONE)

    assert ((), (str(packed),)) == (again.files, again.known)


def test_zip_archive(tmp_path: Path) -> None:
    """Every member of an archive is a report of its own."""
    path = tmp_path / "year.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("january.csv", report(0, 5))
        archive.writestr("february.csv", report(5, 7))
    files = ingest([path], tmp_path / "dataset", time_zone=ZONE).files

    assert [5, 7] == [file.footer.ledger.rows for file in files]


def test_damaged_zip_archive(tmp_path: Path) -> None:
    """A member whose checksum does not fit is an error that names it."""
    path = tmp_path / "year.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("january.csv", report(0, 5))
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"4/20/20")] = ord("5")
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"january\.csv cannot be read to its end"):
        ingest([path], tmp_path / "dataset", time_zone=ZONE)

    assert [] == status(tmp_path / "dataset").files


def test_folder_and_pattern(tmp_path: Path) -> None:
    """A folder is all files below it, a pattern what it matches; requests are no reports."""
    folder = tmp_path / "archive" / "2020"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.csv").write_bytes(report(10 * number, 4))
        (folder / f"{number}.request.json").write_text(
            '{"reportCriteria":{"timezoneName":"US/Arizona"}}'
        )
    below = ingest([tmp_path / "archive"], tmp_path / "one")
    matched = ingest([f"{tmp_path}/**/[12].csv"], tmp_path / "two")

    assert (3, 2) == (len(below.files), len(matched.files))


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without files is an error, not a success that did nothing."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there are no files in it"):
        ingest([tmp_path / "empty"], tmp_path / "dataset", time_zone=ZONE)


@pytest.mark.parametrize("coding", CODINGS)
def test_standard_input(tmp_path: Path, coding: str) -> None:
    """A dash reads standard input, compressed or not."""
    command = [sys.executable, "-m", "cdr_engine", "ingest", "-", "--time-zone", ZONE]
    run = subprocess.run(
        [*command, "--dataset", str(tmp_path / "dataset")],
        input=CODINGS[coding](report(0, 30)),
        capture_output=True,
        check=False,
    )

    assert 0 == run.returncode, run.stderr
    assert 30 == status(tmp_path / "dataset").ledger.rows


@pytest.mark.parametrize("mark", ["|", "\t", ","])
def test_delimiter(tmp_path: Path, mark: str) -> None:
    """The delimiter is recognised from the header line, or given."""
    path = tmp_path / "calls.txt"
    path.write_bytes(report(0, 6, mark=mark))
    given = ingest([path], tmp_path / "given", time_zone=ZONE, delimiter=mark.encode())
    recognised = ingest([path], tmp_path / "recognised", time_zone=ZONE)

    assert [6, 6] == [s.files[0].footer.ledger.rows for s in (given, recognised)]


def unknown(tmp_path: Path) -> Path:
    """A report with a column that the vendor's page does not have."""
    path = tmp_path / "calls.csv"
    path.write_bytes(report(0, 3, names=(*NAMES, "attempt_3_disp")))
    return path


def test_contract_evolve(tmp_path: Path) -> None:
    """Unknown columns are kept as text by default, and the footer names them."""
    (file,) = ingest([unknown(tmp_path)], tmp_path / "dataset", time_zone=ZONE).files

    assert ("attempt_3_disp",) == file.footer.unknown_columns
    assert "attempt_3_disp" in pa.parquet.read_schema(file.path).names


def test_contract_freeze(tmp_path: Path) -> None:
    """Unknown columns can be an error that names file and column; nothing is loaded then."""
    with pytest.raises(SchemaError, match=r"calls\.csv: .*attempt_3_disp"):
        ingest([unknown(tmp_path)], tmp_path / "dataset", time_zone=ZONE, contract="freeze")

    assert [] == status(tmp_path / "dataset").files


def test_contract_discard(tmp_path: Path) -> None:
    """Unknown columns can be left out; rows and counts stay."""
    path = unknown(tmp_path)
    (file,) = ingest([path], tmp_path / "dataset", time_zone=ZONE, contract="discard").files

    assert HEADER.split(",") == pa.parquet.read_schema(file.path).names
    assert (3, 0) == (file.footer.ledger.rows, file.footer.ledger.rejected_records)
