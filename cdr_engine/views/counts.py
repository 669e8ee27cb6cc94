"""
Counted views, and what is kept of them beside the data files.

A counted view is a staging view whose rows are counts that add up: those of two files together are
those of each, one below the other, and whoever reads it sums. So they can be kept for each data
file, and a question reads what is kept, and counts only the files that nothing is kept of.

Plan. To count, `calls` is put over the files in question, with each file's path in place of its
account, so that one statement counts all of them apart. To ask, a counted view becomes its kept
rows and, where files are not counted yet, itself over those files alone: a second chain of the
staging views, under other names, that begins with them. What is kept was counted with the same SQL
and the same definitions, or it has another key and is not found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from cdr_engine.errors import ViewError
from cdr_engine.views.catalogue import asked_of, meaning
from cdr_engine.views.connection import CALLS, base_of, replace_view
from cdr_engine.views.query import relations
from cdr_engine.views.quoting import escape
from cdr_engine.views.quoting import name as _name
from cdr_engine.views.quoting import text as _text
from cdr_engine.views.selection import all_of, fits, narrowed, period_by, reach_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from cdr_engine.views.selection import Selection
    from cdr_engine.views.view import View

__all__ = [
    "COUNTED",
    "Kept",
    "count_files",
    "counted",
    "counts_key",
    "use_counts",
]

COUNTED: dict[str, str | None] = {
    "stg_area_codes": None,
    "stg_day_attempts": "day",
    "stg_day_counts": "day",
    "stg_day_creatives": "day",
    "stg_day_destinations": "day",
    "stg_day_funnel": "day",
    "stg_day_numbers": "day",
    "stg_day_overflows": "day",
    "stg_day_quality": "day",
    "stg_day_waits": "day",
    "stg_half_hour_talks": None,
    "stg_rings": None,
    "stg_slot_counts": "slot_at",
}
"""
Counted views, and the column that a period narrows them by; where there is none, a question about
a period counts anew. All have account_id, cloud_profile_id and profile_name.
"""

FILES = "_counted_files"
REST = "_rest_"
"""Begins the names of the views over files that are not counted."""


class Kept(NamedTuple):
    """What is kept of the counted views."""

    tables: Mapping[str, Path]
    """By counted view, Parquet files."""
    number: str
    """Column that says which data file a row is of."""
    stale: Sequence[int] = ()
    """Files whose rows do not count any more."""
    rest: Sequence[Path] = ()
    """Data files that are not counted."""


def counts_key(views: Sequence[View], time_zone: str) -> str:
    """Digest of all that counts depend on besides the calls."""
    return meaning(views, " ".join(COUNTED), time_zone)[:16]


def count_files(
    con: DuckDBPyConnection,
    files: Mapping[int, tuple[Path, str | None]],
    number: str,
) -> None:
    """
    Count data files, each by itself, and add that to what this connection has counted before.

    Parameters
    ----------
    con
        From `connect`, for this alone: `calls` are those of these files afterwards.
    files
        Paths and accounts, by number.
    number
        Name of the column that will hold it.

    Raises
    ------
    ViewError
        DuckDB cannot read the files.
    """
    import duckdb

    try:
        con.execute(f"create or replace table {FILES} (number integer, path text, account text)")
        rows = [(n, str(path), account) for n, (path, account) in files.items()]
        con.executemany(f"insert into {FILES} values (?, ?, ?)", rows)
        paths = [escape(str(path)) for path, _ in files.values()]
        con.execute(f"create or replace view calls as {base_of(CALLS, paths, 'cdr_path')}")
        for view in COUNTED:
            select = (
                f"select {FILES}.number as {_name(number)}, {FILES}.account as account_id, "
                f"counted.* exclude (account_id) from {view} as counted "
                f"inner join {FILES} on counted.account_id = {FILES}.path"
            )
            con.execute(f"create table if not exists {_of(view)} as {select} limit 0")
            con.execute(f"insert into {_of(view)} {select}")
    except duckdb.Error as error:
        raise ViewError(f"cannot count the calls: {str(error).splitlines()[0]}") from error


def counted(con: DuckDBPyConnection, kept: Kept) -> Iterator[tuple[str, Any]]:
    """
    All there is of each counted view: what is kept and not stale, and what was counted now.

    Yields
    ------
    name, pyarrow.RecordBatchReader
        Ordered so that the rows of an account and of a time are near each other.
    """
    import pyarrow as pa

    for view, time in COUNTED.items():
        parts = [f"from {_of(view)}"] if _of(view) in _tables(con) else []
        if view in kept.tables:
            parts.append(f"from ({_kept_rows(kept, view)})")
        order = ", ".join(filter(None, ("account_id", time, "cloud_profile_id")))
        sql = f"from ({' union all by name '.join(parts)}) order by {order}"
        yield view, pa.RecordBatchReader.from_stream(con.cursor().sql(sql))


def use_counts(
    con: DuckDBPyConnection,
    kept: Kept,
    views: Sequence[View],
    selection: Selection,
    time_zone: str,
) -> list[str]:
    """
    Let the counted views of an open dataset read what is kept, where it answers the selection.

    Returns
    -------
    list of str
        The counted views that do.

    Raises
    ------
    ViewError
        DuckDB refuses.
    """
    import duckdb

    there = set(relations(con))
    used = [
        name
        for name, time in COUNTED.items()
        if name in there and name in kept.tables and fits(selection, time, time_zone)
    ]
    try:
        rest = _over_rest(con, kept.rest, used, views, selection) if kept.rest else {}
        for view in used:
            conditions = narrowed(selection, period_by(selection, COUNTED[view], time_zone))
            where = all_of(conditions)
            number, rows = _name(kept.number), _kept_rows(kept, view)
            sql = f"select * exclude ({number}) from ({rows}) where {where}"
            if view in rest:
                sql += f" union all by name select * from {rest[view]}"
            replace_view(con, view, sql)
    except duckdb.Error as error:
        raise ViewError(f"cannot read what was counted: {str(error).splitlines()[0]}") from error
    return used


def _of(view: str) -> str:
    return f"_counted_{view}"


def _tables(con: DuckDBPyConnection) -> set[str]:
    return {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}


def _kept_rows(kept: Kept, view: str) -> str:
    """SQL of the rows that are kept and not stale."""
    sql = f"select * from read_parquet({_text(str(kept.tables[view]))})"
    if kept.stale:
        sql += f" where {_name(kept.number)} not in ({', '.join(map(str, kept.stale))})"
    return sql


def _over_rest(
    con: DuckDBPyConnection,
    files: Sequence[Path],
    used: Sequence[str],
    views: Sequence[View],
    selection: Selection,
) -> dict[str, str]:
    """Make the views below the counted ones again, over some files; gives their names there."""
    near, exact = reach_of(con, selection)
    base = base_of(CALLS, [escape(str(path)) for path in files])
    con.execute(
        f"create or replace view {REST}calls as select * from ({base}) where {all_of(near)}"
    )
    made = {"main.calls": f"main.{REST}calls"}
    for view in asked_of(views, " ".join(used)):
        sql = view.sql
        for name, other in made.items():
            sql = re.sub(rf"(?<![\w.]){re.escape(name)}\b", other, sql)
        if sql == view.sql:
            continue
        if view.name == "stg_calls":
            sql = f"select * from ({sql}) where {all_of(exact)}"
        made[view.name] = f"{REST}{view.name}"
        con.execute(f"create or replace view {made[view.name]} as {sql}")
    return {name: made[name] for name in used}
