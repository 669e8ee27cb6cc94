from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import cdr_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

SAMPLE = Path(__file__).parents[1] / "sample_data" / "vendor_example.csv"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vendor's three calls."""
    path = tmp_path_factory.mktemp("asked") / "cdr-dataset"
    cdr_engine.ingest([SAMPLE], path, time_zone="US/Arizona", account_id="13670001")
    return path


@pytest.fixture
def cdr(dataset: Path, tmp_path: Path) -> Run:
    """Run a command on that dataset to its end."""

    def run(
        *command: str, code: int = 0, given: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        done = subprocess.run(
            [sys.executable, "-m", "cdr_engine", *command],
            cwd=tmp_path,
            env=home | {"CDR_DATASET": str(dataset)} | variables,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code == done.returncode, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_sql_from_a_file_and_from_standard_input(cdr: Run, tmp_path: Path) -> None:
    """SQL is read from where it stands, and the answers are the same."""
    sql = "select uii, queue_time\nfrom calls -- all\norder by uii;\n"
    (tmp_path / "q.sql").write_text(sql)
    (direct, *others) = (
        cdr("query", *way, "--format", "csv", given=sql).stdout
        for way in ([sql], ["-f", "q.sql"], ["-"], ["-f", "-"])
    )

    assert 4 == direct.count("\n")
    assert [direct] * 3 == others


def test_part_of_the_calls(cdr: Run) -> None:
    """Period, account, profile and zone narrow any view, in the order that is asked for."""
    rows = json.loads(
        cdr(
            *("query", "connect_rate_by_profile", "--json", "--order-by", "-cloud_profile_id"),
            *("--start", "2020-04-20 07:00", "--end", "2020-04-21", "--account", "13670001"),
        ).stdout
    )
    assert [3333, 2222][: len(rows)] == [row["cloud_profile_id"] for row in rows][:2]
    assert 2 == sum(row["n_offered"] for row in rows)
    one = cdr("query", "calls", "--json", "--profile", "3333", "--start", "-2000w").stdout
    assert {3333} == {row["cloud_profile_id"] for row in json.loads(one)}
    assert [] == json.loads(cdr("query", "calls", "--json", "--start", "yesterday").stdout)


def test_explain(cdr: Run) -> None:
    """The plan is shown instead of an answer, as text or within JSON."""
    assert "PARQUET" in cdr("query", "answer_speed", "--explain").stdout.upper()
    assert (
        "PARQUET" in json.loads(cdr("query", "calls", "--explain", "--json").stdout)["plan"].upper()
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["query"], "ask one thing"),
        (["query", "calls", "-f", "q.sql"], "ask one thing"),
        (["query", "conect_rate"], "connect_rate_by_profile"),
        (["query", "select uij from calls"], '"uii"'),
        (["query", "calls", "--order-by", "uij"], "there is uii"),
        (["query", "calls", "--account", "7"], "account 7 is not in"),
        (["query", "copy calls to 'x.csv'"], "COPY is refused"),
        (["query", "select 1; select 2"], "one statement at a time"),
        (["query", "from read_text('/etc/hostname')"], "Permission"),
        (["check", "--at-most", "odd_days"], "write RULE=SHARE"),
        (["check", "--at-most", "odd=1"], "there is no rule 'odd'"),
        (["views", "export", "--dialect", "oracle"], "Choose from"),
    ],
    ids=lambda value: "_".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_questions(cdr: Run, command: list[str], said: str) -> None:
    """What cannot be asked ends with 2, one line that helps, and no output."""
    done = cdr(*command, code=2)

    assert said in done.stderr
    assert ("", 1) == (done.stdout, done.stderr.count("\n"))


def test_check(cdr: Run) -> None:
    """A broken rule ends with 6 and is explained; with room for it the same calls pass."""
    done = cdr("check", code=6)
    assert "BROKEN" in done.stdout
    # The vendor's example was edited: its uii says the 25th, its enqueue_time the 20th.
    assert done.stderr.startswith("clocks: the clock in the uii disagrees")
    passed = cdr("check", "--json", "--at-most", "clocks=1")
    assert {False} == {verdict["is_broken"] for verdict in json.loads(passed.stdout)}
    assert "" == passed.stderr


def test_views_for_another_engine(cdr: Run) -> None:
    """Statements come on standard output; what is left out is said in a comment, or in JSON."""
    text = cdr("views", "export", "--dialect", "trino", "--table", "lake.calls").stdout
    assert "CREATE OR REPLACE VIEW connect_rate_by_profile" in text
    assert "-- stg_calls is not here: trino has no exact form of its" in text
    found = json.loads(cdr("views", "export", "--dialect", "trino", "--json").stdout)
    assert {"view", "sql", "reasons"} == set(found[0])


def test_views_for_duckdb_run(cdr: Run, dataset: Path) -> None:
    """The default is SQL that DuckDB runs as it stands."""
    con = duckdb.connect()
    con.execute(
        f"create view reports as from read_parquet('{dataset}/calls/*/*.parquet', "
        "hive_types = {'account_id': varchar})"
    )
    con.execute(cdr("views", "export", "--table", "main.reports").stdout)

    assert [(3,)] == con.execute("select sum(n_offered)::int from answer_speed").fetchall()


def test_database_comes_with_the_files(cdr: Run, tmp_path: Path) -> None:
    """Ingest writes cdr.duckdb, in the reports' zone, and `cdr views write` does again."""
    here = {"CDR_DATASET": str(tmp_path / "new")}
    cdr("ingest", str(SAMPLE), "--time-zone", "US/Arizona", **here)
    path = tmp_path / "new" / "cdr.duckdb"
    for _ in range(2):
        with duckdb.connect(path, read_only=True) as con:
            assert [("US/Arizona",)] == con.execute("select time_zone from params").fetchall()
        path.unlink()
        assert str(path) == json.loads(cdr("views", "write", "--json", **here).stdout)["path"]


def test_completion_knows_the_views(cdr: Run) -> None:
    """The shell's script asks for names of views, and gets them with what one row is."""
    offered = cdr("__complete", "query", "").stdout

    assert "connect_rate_by_profile\tone row per" in offered
    assert "calls\t" in offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    """The script of each shell calls back for the names, and is one the shell accepts."""
    from cdr_engine.cli import app

    script = app.generate_completion(shell=shell)
    assert "__complete" in script
    if (path := shutil.which(shell)) is not None:
        done = subprocess.run(
            [path, "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert (0, "") == (done.returncode, done.stderr)


def test_spreadsheet(cdr: Run) -> None:
    """Ids of thirty digits and phone numbers stay text, what looks like a formula too."""
    page = cdr("query", "select uii, ani, '=1+1' as x from calls", "--format", "excel").stdout

    assert page.startswith("\ufeff")
    assert '"\'202004250912250132110000003150"' in page
    assert 3 == page.count('"\'=1+1"')


def test_views_show(cdr: Run, tmp_path: Path) -> None:
    """A view's meaning, columns and SQL are shown, of the user's own too, and a typo is met."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "doubled.sql").write_text(
        "-- grain: one row per profile\n"
        "select cloud_profile_id, 2 * n_offered as n from abandonment"
    )
    (tmp_path / "cdr.toml").write_text('views = "mine"\n')

    found = json.loads(cdr("views", "show", "doubled", "--json").stdout)
    shown = cdr("views", "show", "patience").stdout

    assert ("one row per profile", "not stated") == (found["grain"], found["formula"])
    assert {"cloud_profile_id": "BIGINT", "n": "BIGINT"} == found["columns"]
    assert "survival_rate" in shown
    assert "select * from named" in shown
    assert "there is patience" in cdr("views", "show", "patence", code=2).stderr
