from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from calls_given import ask, call, given

from cdr_engine.errors import ViewError
from cdr_engine.views import connect, query


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two calls."""
    rows = call(uii="a", ani="15551234567"), call(uii="b", result="BUSY")
    return given(tmp_path_factory.mktemp("dataset"), *rows)


@pytest.fixture(scope="module")
def con(dataset: Path) -> Any:
    """That dataset, opened once for all questions: none of them may leave a trace."""
    return connect(dataset)


@pytest.mark.parametrize(
    "text",
    [
        "connect_rate_by_profile",
        " Connect_Rate_By_Profile\n",
        "select * from calls",
        "-- a note\nwith c as (from calls) select count(*) from c;",
        "from calls select uii",
        "describe calls",
        "summarize calls",
        "show tables",
        "explain select 1",
        "explain analyze select count(*) from calls",
        "values (1), (2)",
        "table calls",
        "pivot calls on call_result using count(*)",
        "unpivot (select 1 as a, 2 as b) on a, b",
        "select 'copy; insert' as \"copy\"",
    ],
)
def test_what_reads_is_answered(con: Any, text: str) -> None:
    """A view's name and every kind of statement that reads give rows."""
    assert query(con, text).read_all().num_rows > 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no SQL"),
        ("-- nothing", "no SQL"),
        ("select 1; select 2", "one statement at a time"),
        ("create table t as select 1", "CREATE is refused"),
        ("insert into t values (1)", "INSERT is refused"),
        ("drop view calls", "DROP is refused"),
        ("set x = 1", "SET is refused"),
        ("copy (select 1) to '{root}/calls/x.parquet'", "COPY is refused"),
        ("explain analyze copy (select 1) to '{root}/calls/x.parquet'", "COPY is refused"),
        ("explain /* */ analyze\nCopy calls to '{root}/calls/x.parquet'", "COPY is refused"),
        ("explain analyze drop view calls", "DROP is refused"),
        ("attach '{root}/x.db'", "ATTACH is refused"),
        ("explain analyze attach '{root}/x.db'", "attach|ATTACH is refused"),
        ("export database '{root}/x'", "is refused"),
        ("create view x as from calls; select 1", "one statement|CREATE is refused"),
        ("call checkpoint()", "CALL is refused"),
        ("selct 1", "Parser Error"),
        ("select nothing_such from calls", "nothing_such"),
    ],
)
def test_what_does_not_read_is_refused(con: Any, dataset: Path, text: str, reason: str) -> None:
    """Anything else is refused with one line, and the dataset stays as it was."""
    before = sorted(dataset.rglob("*"))
    with pytest.raises(ViewError, match=reason) as error:
        query(con, text.format(root=dataset)).read_all()
    assert "\n" not in str(error.value)
    assert sorted(dataset.rglob("*")) == before
    assert query(con, "calls").read_all().num_rows == 2


def test_copy_within_with(con: Any, dataset: Path) -> None:
    """A COPY hidden in a WITH, which DuckDB 2 would run, writes nothing."""
    target = dataset / "calls" / "account_id=13670001" / "x.parquet"
    with pytest.raises(ViewError):
        query(con, f"with a as (copy (select 1) to '{target}') select 1")
    assert not target.exists()


def test_unknown_view_suggests(con: Any) -> None:
    """A mistyped view gets the near names."""
    with pytest.raises(ViewError, match=r"'conect_rate_profile'.*connect_rate_by_profile"):
        query(con, "conect_rate_profile")
    with pytest.raises(ViewError, match=r"'zzzzzz'.*abandonment.*stg_calls"):
        query(con, "zzzzzz")


def test_parameters(con: Any) -> None:
    """Values are bound by position or by name."""
    sql = "select uii from calls where uii = "
    assert query(con, sql + "?", parameters=["a"]).read_all().to_pylist() == [{"uii": "a"}]
    assert query(con, sql + "$u", parameters={"u": "b"}).read_all().to_pylist() == [{"uii": "b"}]


def test_errors_on_the_way(con: Any) -> None:
    """A query that fails while it runs is a ViewError too, without a caller's number."""
    with pytest.raises(ViewError, match=r"INT32|Conversion") as error:
        query(con, "select ani::integer from calls").read_all()
    assert "15551234567" not in str(error.value)


def test_several_answers_open(con: Any) -> None:
    """An answer not read to its end does not block the next question."""
    slow = query(con, "select range from range(1000000)")
    first = slow.read_next_batch()
    assert query(con, "calls").read_all().num_rows == 2
    assert first.num_rows + slow.read_all().num_rows == 1_000_000


def test_instants_carry_the_zone(tmp_path: Path) -> None:
    """Arrow timestamps name the session's zone."""
    given(tmp_path, call())
    (row,) = ask(tmp_path, "select started_at from stg_calls", zone="Asia/Kolkata")
    assert row["started_at"].isoformat() == "2025-01-02T17:30:00+05:30"
