from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from answers_of import answers
from calls_given import call, given
from sqlglot import exp

from cdr_engine.errors import UsageError
from cdr_engine.views import DIALECTS, catalogue, connect, view_statements

OTHERS = [dialect for dialect in DIALECTS if dialect != "duckdb"]
PUBLIC = [view.name for view in catalogue() if view.is_public]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls that differ in everything the views count by; one has no name, one no time."""
    rows = [
        call(
            f"2025-01-{1 + n % 5:02} {n % 24:02}:{n % 60:02}" if n % 17 else None,
            ["CONNECTED", "ABANDON", "DEFLECT", "GLORP"][n % 4],
            uii=str(n),
            cloud_profile_id=n % 3,
            profile_name=[None, "Sales", "Claims", "Sales & Co"][n % 7 % 4],
            queue_time=n % 40 if n % 19 else None,
            ani=["5557654321", "+1 (555) 222-3344", "anonymous", None][n % 11 % 4],
            dnis=f"800555{n % 3:04}",
            media_code=[None, "TV-1", "TV-2"][n % 3],
            media_market=[None, "Austin"][n % 2],
            is_cellular=[True, False, None][n % 3],
            connected_duration=n * 7 % 300,
            attempt_1_id=n % 4,
            attempt_1_name=f"Desk {n % 5}",
            attempt_1_disp=["ANSWER(5)", "BUSY", "NOANSWER (20)", None][n % 4],
            attempt_2_disp="ANSWER(9)" if n % 4 == 2 else None,
        )
        for n in range(200)
    ]
    return given(tmp_path_factory.mktemp("dataset"), *rows)


def plain(dataset: Path, zone: str) -> Any:
    """DuckDB as anybody has it, with the data files as one table."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'Pacific/Auckland'")
    con.execute("create schema lake")
    con.execute(
        f"create view lake.reports as from read_parquet('{dataset}/calls/*/*.parquet', "
        "hive_partitioning = true, hive_types = {'account_id': varchar})"
    )
    for statement in view_statements("duckdb", table="lake.reports", time_zone=zone):
        if statement.sql:
            con.execute(statement.sql)
    return con


@pytest.mark.parametrize("zone", ["UTC", "US/Arizona"])
def test_duckdb_answers_the_same(dataset: Path, zone: str) -> None:
    """The statements for DuckDB run in a plain one, and every view answers as ours does."""
    ours, theirs = connect(dataset, time_zone=zone), plain(dataset, zone)
    there = [statement.view for statement in view_statements("duckdb") if statement.sql]
    assert {"stg_calls", "stg_attempts", "interval_volume"} <= set(there)
    for view in there[1:]:
        assert answers(ours, view) == answers(theirs, view), view


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_is_sql_of_its_dialect(dialect: str) -> None:
    """What is printed parses in its dialect, and is one CREATE VIEW a view."""
    for statement in view_statements(dialect, table="lake.reports"):
        trees = sqlglot.parse(statement.sql, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
        made = [tree for tree in trees if isinstance(tree, exp.Create) and tree.kind == "VIEW"]
        assert len(made) == (bool(statement.sql) and statement.view != "macros")


@pytest.mark.parametrize("dialect", OTHERS)
def test_every_view_is_printed_or_has_its_reasons(dialect: str) -> None:
    """No view is missing without a word, and none that is printed calls a macro of ours."""
    statements = view_statements(dialect)

    assert sorted(view.name for view in catalogue()) == sorted(s.view for s in statements)
    for view, sql, reasons in statements:
        assert bool(sql) != bool(reasons), view
        for macro in ("wilson", "latest_name", "result_word"):
            assert macro not in sql.lower()
    assert {"stg_attempts", "connect_rate_by_profile", "attempt_dispositions"} <= {
        s.view for s in statements if s.sql
    }


@pytest.mark.parametrize("dialect", OTHERS)
def test_translations_answer_the_same(dataset: Path, dialect: str) -> None:
    """
    What was rewritten means the same: read back into DuckDB it answers as the view does.

    The latest name is each dialect's own expression; BigQuery's has no way back.
    """
    con = plain(dataset, "US/Arizona")
    compared = 0
    for view, sql, _ in view_statements(dialect, time_zone="US/Arizona"):
        if not sql or view == "params":
            continue
        named = re.sub(r"(?is)array_agg\(.{,150}?\)\[SAFE_OFFSET\(0\)\]", "MAX('')", sql)
        back = sqlglot.transpile(named, read=dialect, write="duckdb")[0]
        con.execute(back.replace(f"VIEW {view} ", f"VIEW theirs_{view} ", 1))
        keep = [c for c in con.sql(f"from {view}").columns if not c.endswith("_name")]
        for name in (view, f"theirs_{view}"):
            con.execute(
                f"create or replace view {name}_numbers as select {', '.join(keep)} from {name}"
            )
        assert answers(con, f"{view}_numbers") == answers(con, f"theirs_{view}_numbers")
        compared += 1
    assert 31 == compared


@pytest.mark.parametrize("dialect", ["trino", "athena", "spark"])
def test_latest_name_read_back(dataset: Path, dialect: str) -> None:
    """Where the dialect's expression leads back to DuckDB, the latest names are the same too."""
    con = plain(dataset, "UTC")
    (sql,) = (s.sql for s in view_statements(dialect) if s.view == "connect_rate_by_profile")
    back = sqlglot.transpile(sql, read=dialect, write="duckdb")[0]
    con.execute(back.replace("VIEW connect", "VIEW theirs_connect", 1))
    text = "select distinct day, cloud_profile_id, profile_name from {} order by all"

    expected = con.execute(text.format("connect_rate_by_profile")).fetchall()
    assert expected == con.execute(text.format("theirs_connect_rate_by_profile")).fetchall()
    assert 2 < len({row[2] for row in expected})


@pytest.mark.parametrize("dialect", OTHERS)
def test_what_is_printed(dialect: str) -> None:
    """Over half of all views are, and they need neither a WINDOW clause nor a CTE of their name."""
    printed = {s.view: s.sql for s in view_statements(dialect) if s.sql}

    assert {"abandonment", "answer_speed", "area_code", "patience"} <= set(printed)
    for sql in printed.values():
        tree = sqlglot.parse_one(sql, read=dialect)
        assert not any(select.args.get("windows") for select in tree.find_all(exp.Select))
        for cte in tree.find_all(exp.CTE):
            assert cte.alias not in {table.name for table in cte.this.find_all(exp.Table)}


def test_reasons_name_what_is_missing() -> None:
    """A refused view says which of its functions have no exact form."""
    reasons = {s.view: s.reasons for s in view_statements("bigquery")}

    assert {"try_strptime", "timezone"} <= set(reasons["stg_calls"])


def test_unknown_dialect() -> None:
    """A dialect that is not known is wrong use, and the known ones are named."""
    with pytest.raises(UsageError, match=r"'oracle'.*duckdb, spark"):
        view_statements("oracle")


def test_bigquery_has_no_split_part() -> None:
    """A function that the parser of a dialect takes but the engine lacks is not printed."""
    (sql,) = (s.sql for s in view_statements("bigquery") if s.view == "stg_call_attempts")

    assert "SPLIT_PART" not in sql.upper()
    assert "SAFE_ORDINAL(1)" in sql.upper()
