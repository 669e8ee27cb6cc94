from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from answers_of import answers
from calls_given import call, given

from cdr_engine.errors import DatasetError, ViewError
from cdr_engine.views import DATABASE, catalogue, connect, query, write_database

NAMES = ["calls", "rejects", *(view.name for view in catalogue())]
CALLS = [
    call("2025-01-02 03:04", uii="a", queue_time=4, connected_duration=200, attempt_1_disp="BUSY"),
    call("2025-01-02 23:30", uii="b", result="ABANDON", queue_time=30),
    call("2025-06-01 05:30", uii="c", profile_name="Müller's", cloud_profile_id=2),
]


def filled(dataset: Path) -> Path:
    """A dataset of two accounts, one of them unnamed, with a reject."""
    given(dataset, *CALLS)
    given(dataset, call(uii="d"), account="__HIVE_DEFAULT_PARTITION__")
    folder = dataset / "rejects/account_id=13670001"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"record": [7], "raw": [b"x"]}), folder / "w.parquet")
    return dataset


def driver(path: Path, question: str, *, cwd: Path) -> str:
    """What a plain DuckDB in another process and folder answers, the file opened read-only."""
    code = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True); "
        "print(con.execute(sys.argv[2]).fetchall())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), question],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_same_answers(tmp_path: Path, zone: str) -> None:
    """Every relation answers as our own connection does, in the zone it was made for."""
    path = write_database(filled(tmp_path), time_zone=zone)
    ours = connect(tmp_path, time_zone=zone)
    with duckdb.connect(path, read_only=True) as con:
        con.execute("set TimeZone = 'Asia/Tokyo'")
        for name in set(NAMES) - {"params"}:
            assert answers(ours, name) == answers(con, name), name


@pytest.mark.parametrize("name", ["elsewhere", "it's", "a[b]*", "日本 é", "x=1;--"])
def test_moved_folder(tmp_path: Path, name: str) -> None:
    """The folder may be moved, and be opened from any working directory, absolutely or not."""
    write_database(filled(tmp_path / "first"))
    (tmp_path / "first").rename(tmp_path / name)
    count = "select sum(n_offered)::int from connect_rate_by_profile"

    assert "[(4,)]" == driver(tmp_path / name / DATABASE, count, cwd=Path("/"))
    assert "[(4,)]" == driver(Path(DATABASE), count, cwd=tmp_path / name)
    assert "[(4,)]" == driver(Path(name) / DATABASE, count, cwd=tmp_path)


def test_attached_to_another_database(tmp_path: Path) -> None:
    """Attached under any name it answers, where it was written for."""
    path = write_database(filled(tmp_path / "dataset"))
    con = duckdb.connect(":memory:")
    con.execute(f"attach '{path}' as reports (read_only)")

    assert [(4,)] == con.execute("select count(*) from reports.stg_calls").fetchall()


def test_later_files_are_seen(tmp_path: Path) -> None:
    """Files that come after it was written are seen, by who has it open as well."""
    path = write_database(filled(tmp_path))
    with duckdb.connect(path, read_only=True) as con:
        given(tmp_path, call(uii="late", attempt_3_disp="new column"), window="late")
        assert [(5,)] == con.execute("select count(*) from stg_calls").fetchall()


def test_replaced_under_readers(tmp_path: Path) -> None:
    """It is replaced while it is open, and leaves nothing beside it."""
    path = write_database(filled(tmp_path))
    with duckdb.connect(path, read_only=True) as con:
        write_database(tmp_path)
        assert [(4,)] == con.execute("select count(*) from stg_calls").fetchall()
    assert 0o600 == path.stat().st_mode & 0o777
    assert ["calls", DATABASE, "rejects"] == sorted(file.name for file in tmp_path.iterdir())


def test_empty_dataset(tmp_path: Path) -> None:
    """Without any file every view is there, with its columns."""
    path = write_database(tmp_path)
    ours = connect(tmp_path)
    with duckdb.connect(path, read_only=True) as con:
        for name in NAMES:
            assert query(ours, name).schema.names == con.sql(f"from {name}").columns


def test_comments(tmp_path: Path) -> None:
    """What one row is, and how it is worked out, can be read in the file."""
    with duckdb.connect(write_database(tmp_path), read_only=True) as con:
        rows = con.execute("select view_name, comment from duckdb_views() where not internal")
        found = dict(rows.fetchall())
    assert {view.name: view.comment for view in catalogue()}.items() <= found.items()


def test_storage_version(tmp_path: Path) -> None:
    """The file's header carries the storage version of DuckDB 1.0."""
    head = write_database(tmp_path).read_bytes()[:20]

    assert (b"DUCK", 64) == struct.unpack_from("<8x4sQ", head)


def test_no_rows_inside(tmp_path: Path) -> None:
    """Callers' numbers are not in the file, only the SQL to read them."""
    given(tmp_path, call(ani="15557654321"))

    assert b"15557654321" not in write_database(tmp_path).read_bytes()


def test_what_a_killed_writer_left(tmp_path: Path) -> None:
    """A folder that a killed writer left is removed, one that is in use is not."""
    for name, age_s in ((".cdr-duckdb-old", 7200), (".cdr-duckdb-new", 10)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    write_database(tmp_path)

    assert [".cdr-duckdb-new", DATABASE] == sorted(file.name for file in tmp_path.iterdir())


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """No folder and a broken data file are errors that say so; the file before stays."""
    with pytest.raises(DatasetError, match="no such folder"):
        write_database(tmp_path / "nowhere")
    path = write_database(filled(tmp_path))
    before = path.read_bytes()
    (tmp_path / "calls/account_id=13670001/w.parquet").write_bytes(b"broken")
    with pytest.raises(ViewError, match="cannot write"):
        write_database(tmp_path)
    assert before == path.read_bytes()
