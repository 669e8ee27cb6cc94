from __future__ import annotations

import os
import subprocess
import sys
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from calls_given import SCHEMA, ask, at, call, given, one

from cdr_engine.errors import DatasetError, UsageError, ViewError
from cdr_engine.views import catalogue, connect, query


@pytest.mark.parametrize("name", ["calls", "rejects", *(view.name for view in catalogue())])
def test_empty_dataset(tmp_path: Path, name: str) -> None:
    """Without any file every relation is there, with its columns; the data has no rows."""
    answer = query(connect(tmp_path, asked=name), name)
    assert len(answer.schema.names) > 1
    rows = answer.read_all().num_rows
    assert rows == {"params": 1, "stg_call_results": 15, "stg_zones": 1}.get(name, 0)


def test_empty_and_filled_have_the_same_columns(tmp_path: Path) -> None:
    """The columns and types of every view do not depend on there being data."""
    filled = connect(given(tmp_path / "filled", call()))
    (tmp_path / "empty").mkdir()
    empty = connect(tmp_path / "empty")
    for name in ("calls", *(view.name for view in catalogue())):
        assert query(empty, name).schema == query(filled, name).schema


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is an error, not an empty answer."""
    with pytest.raises(DatasetError, match="no such folder"):
        connect(tmp_path / "nowhere")


def test_unknown_time_zone(tmp_path: Path) -> None:
    """A zone that does not exist, or tries to be SQL, is refused."""
    with pytest.raises(UsageError, match="no time zone"):
        connect(tmp_path, time_zone="Mars/Olympus")
    with pytest.raises(UsageError, match="no time zone"):
        connect(tmp_path, time_zone="UTC'; select 1 --")


def test_account_is_text_from_the_path(tmp_path: Path) -> None:
    """Accounts keep leading zeros and escapes; the default partition is NULL."""
    given(tmp_path, call(), account="0042")
    given(tmp_path, call(), account="a%2Fb")
    given(tmp_path, call(), account="__HIVE_DEFAULT_PARTITION__")
    rows = ask(tmp_path, "select account_id, typeof(account_id) as kind from calls order by 1")
    assert [tuple(row.values()) for row in rows] == [
        ("0042", "VARCHAR"),
        ("a/b", "VARCHAR"),
        (None, "VARCHAR"),
    ]


@pytest.mark.skipif(duckdb.__version__ < "2", reason="before 2.0 a filter on names skips nothing")
def test_account_filter_skips_files(tmp_path: Path) -> None:
    """Only files of the account asked for are opened: a broken one elsewhere is no matter."""
    given(tmp_path, call(), account="1")
    given(tmp_path, call(), account="2")
    con = connect(tmp_path)
    (tmp_path / "calls/account_id=2/w.parquet").write_bytes(b"broken")
    assert query(con, "from calls where account_id = '1'").read_all().num_rows == 1
    with pytest.raises(ViewError):
        query(con, "select max(ani) from calls").read_all()


def test_files_with_missing_and_extra_columns(tmp_path: Path) -> None:
    """A column some file lacks is NULL there; one that only some file has is kept as text."""
    given(tmp_path, call(uii="a"), window="1", without=("ani", "queue_time", "attempt_2_disp"))
    given(tmp_path, call(uii="b", ani="77", attempt_3_disp="BUSY(3)"), window="2")
    given(tmp_path, call(uii="c", filename="odd", ACCOUNT_ID="shadow"), window="3")
    rows = ask(tmp_path, "select uii, ani, attempt_3_disp, filename from calls order by uii")
    assert [tuple(row.values()) for row in rows] == [
        ("a", None, None, None),
        ("b", "77", "BUSY(3)", None),
        ("c", None, None, "odd"),
    ]
    assert one(tmp_path, "connect_rate_by_profile", "account_id", "n_offered") == ("13670001", 3)


def test_later_files_are_seen(tmp_path: Path) -> None:
    """An open connection sees files committed later, and no temporary ones."""
    con = connect(given(tmp_path, call(), window="1"))
    given(tmp_path, call(), window="2")
    (tmp_path / "calls/account_id=13670001/3.parquet.part").write_bytes(b"half")
    assert query(con, "calls").read_all().num_rows == 2


def test_rejects(tmp_path: Path) -> None:
    """Rejects show the columns their files have, with the account."""
    folder = tmp_path / "rejects/account_id=7"
    folder.mkdir(parents=True)
    row = {"record": 3, "byte_offset": 90, "column": None, "reason": "short", "raw": b"x", "n": 5}
    pq.write_table(pa.Table.from_pylist([row]), folder / "w.parquet")
    assert ask(tmp_path, "rejects") == [{"account_id": "7"} | row]


@pytest.mark.parametrize(
    "name", ["plain", "it's", 'two "words"', "a[b]c", "st*r?", "[", "]", "日本 é", "x=1;--", "%41"]
)
def test_hostile_paths(tmp_path: Path, name: str) -> None:
    """Any name of a dataset's folder works, and none reaches a neighbour's files."""
    given(tmp_path / name, call(uii="mine"))
    given(tmp_path / "stir", call(uii="not mine"))
    given(tmp_path / "abc", call(uii="not mine"))
    assert [row["uii"] for row in ask(tmp_path / name, "calls")] == ["mine"]


def test_relative_and_linked_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path and a link to the folder are the folder."""
    given(tmp_path / "real", call())
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert len(ask(Path("real"), "calls")) == len(ask(Path("link"), "calls")) == 1


ESCAPES = [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from read_blob('/proc/self/environ')",
    "select * from '{outside}/calls/account_id=1/w.parquet'",
    "select * from parquet_metadata('{outside}/calls/account_id=1/w.parquet')",
    "select * from read_text('{root}/../outside/secret.txt')",
    "select * from glob('/etc/*')",
    "select * from sniff_csv('/etc/passwd')",
    "copy (select 1) to '{outside}/o.csv'",
    "copy calls to '{outside}/o.parquet'",
    "export database '{outside}/x'",
    "import database '{outside}/x'",
    "attach '{outside}/x.duckdb'",
    "install httpfs",
    "load httpfs",
    "load '{outside}/x.duckdb_extension'",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "set lock_configuration = false",
    "reset enable_external_access",
    "set TimeZone = 'Asia/Tokyo'",
    "set temp_directory = '{outside}'",
    "set global python_enable_replacements = true",
    "set home_directory = '{outside}'",
    "pragma enable_profiling = 'json'",
    "select * from secret_in_python",
    "create persistent secret s (type http, bearer_token 'x')",
    "select * from sqlite_scan('{outside}/x.db', 't')",
    "select * from 'https://example.com/x.parquet'",
    "select getenv('HOME')",
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A dataset, a secret beside it, and a connection to the dataset."""
    house = tmp_path_factory.mktemp("house")
    given(house / "in", call())
    given(house / "outside", call(), account="1")
    (house / "outside" / "secret.txt").write_text("secret")
    return house, connect(house / "in")


@pytest.mark.parametrize("statement", ESCAPES)
def test_locked_door(house: tuple[Path, Any], statement: str) -> None:
    """Even without our check of statements, nothing outside the dataset is read or written."""
    secret_in_python = pa.table({"x": [1]})
    folder, con = house
    before = sorted(folder.rglob("*"))
    with pytest.raises(duckdb.Error):
        con.execute(statement.format(root=folder / "in", outside=folder / "outside")).fetchall()
    assert sorted(folder.rglob("*")) == before
    assert secret_in_python.num_rows == 1


SORTED = "select md5(range::varchar) as word from range(600_000) order by word"


def test_spilling_works_behind_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query larger than memory works, in a folder for its owner alone that is gone afterwards."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    con = connect(given(tmp_path / "in", call()), memory="30MB")
    answer = query(con, SORTED)
    first = next(answer)
    (private,) = tmp_path.glob("cdr-views-*")
    assert 0 < sum(path.stat().st_size for path in private.rglob("*.tmp"))
    assert 0o700 == private.stat().st_mode & 0o777
    words = [word for batch in (first, *answer) for word in batch.column(0).to_pylist()]
    assert sorted(md5(str(n).encode()).hexdigest() for n in range(600_000)) == words

    con.close()
    del answer
    assert [] == list(private.iterdir())


@pytest.mark.parametrize("kind", ["shared", "link"])
def test_spilling_keeps_out_of_folders_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Where somebody else could read it, what exceeds memory goes to another folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = tmp_path / f"cdr-views-{os.geteuid()}"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        taken.symlink_to(tmp_path / "elsewhere")
    else:
        taken.mkdir()
        taken.chmod(0o755)
    with connect(given(tmp_path / "in", call())) as con:
        ((spill,),) = con.execute("select current_setting('temp_directory')").fetchall()
    assert taken != Path(spill).parent
    assert 0o700 == Path(spill).parent.stat().st_mode & 0o777


def test_what_a_killed_process_spilled_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour later the next process removes it; folders of others that live stay."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private = tmp_path / f"cdr-views-{os.geteuid()}"
    private.mkdir(mode=0o700)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left, alive, recent = (
        private / name for name in (f"{ended.pid}-a", f"{os.getppid()}-b", f"{ended.pid}-c")
    )
    for folder in (left, alive, recent):
        folder.mkdir()
        (folder / "duckdb_temp").touch()
    for folder in (left, alive):
        os.utime(folder, (1, 1))
    connect(given(tmp_path / "in", call())).close()
    assert {alive, recent} == set(private.iterdir())


def test_schema_of_calls(tmp_path: Path) -> None:
    """Base calls are account_id and the 34 columns, under their own names, typed."""
    answer = query(connect(given(tmp_path, call("2025-01-02 12:00", queue_time=3))), "calls")
    assert answer.schema.names == ["account_id", *SCHEMA.names]
    (row,) = answer.read_all().to_pylist()
    assert (row["queue_time"], row["enqueue_time"]) == (3, at("2025-01-02 12:00"))


def test_import_is_cheap() -> None:
    """Importing the package does not load DuckDB: only a connection does."""
    code = "import sys, cdr_engine.views; print('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_cursor_keeps_the_zone(tmp_path: Path) -> None:
    """Cursors of a connection, one for each thread of a server say, share zone and views."""
    cursor: Any = connect(tmp_path, time_zone="Asia/Kolkata").cursor()
    assert cursor.execute("select current_setting('TimeZone')").fetchall() == [("Asia/Kolkata",)]
    assert cursor.execute("from interval_volume").fetchall() == []
