"""
A dataset opened for reading: base relations, macros, views, and then the door is closed.

Plan. DuckDB runs in memory; the data stays in the Parquet files.

- The base relations read a glob, so files that are committed later are seen by the next query.
  Their columns are pinned by name (`schema=`): a file without a column gives NULL, and no query
  opens all files to agree on types first, as `union_by_name` would. Columns beyond the known ones
  are found once, here, in the files' footers (about 0.1 ms a file).
- The account comes from the path, as text. DuckDB does not combine `schema=` with its own
  hive partitioning, so it is cut out of the file's name; a filter on it still skips files.
- Joins run as they are written, the right side in memory: the number of calls is not known to the
  optimizer.
- SQL of users runs here. So reach is limited to the dataset's folder, and then the configuration
  is locked: in this order, because each step forbids the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdr_engine.errors import DatasetError, UsageError, ViewError
from cdr_engine.schema import COLUMNS, Kind
from cdr_engine.views.catalogue import asked_of, catalogue, macros
from cdr_engine.views.defined import SESSION_ZONE
from cdr_engine.views.quoting import escape as _escape
from cdr_engine.views.quoting import name as _name
from cdr_engine.views.quoting import text as _text
from cdr_engine.views.spill import spill_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from cdr_engine.views.view import View

__all__ = [
    "CALLS",
    "base_of",
    "columns_of",
    "connect",
    "create_shapes",
    "create_views",
    "no_spots",
    "replace_view",
]

SQL_TYPES: dict[Kind, str] = {
    "uii": "VARCHAR",
    "text": "VARCHAR",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "flag": "BOOLEAN",
}

CALLS: dict[str, str] = {column.name: SQL_TYPES[column.kind] for column in COLUMNS}

REJECTS: dict[str, str] = {
    "record": "BIGINT",
    "byte_offset": "BIGINT",
    "column": "VARCHAR",
    "reason": "VARCHAR",
    "raw": "BLOB",
}

SPOTS: dict[str, str] = {
    "account_id": "VARCHAR",
    "aired_at": "TIMESTAMP WITH TIME ZONE",
    "network": "VARCHAR",
    "market": "VARCHAR",
    "code": "VARCHAR",
    "cost": "DECIMAL(18, 4)",
    "line": "INTEGER",
}
"""Airings; unlike calls, their files hold the account."""

AS_WRITTEN = "join_order,build_side_probe_side"
"""
Optimizers that change which side of a join is held in memory. DuckDB 2.0 takes a relation whose
columns are pinned for one row, whatever it holds, and so would hold all calls.
"""

ACCOUNT = "account_id"
NO_ACCOUNT = "__HIVE_DEFAULT_PARTITION__"
FROM_PATH = (
    f"nullif(url_decode(regexp_extract("
    f"cdr_path, '{ACCOUNT}=([^/\\\\]*)[/\\\\][^/\\\\]*$', 1)), '{NO_ACCOUNT}')"
)
"""SQL of the account that a path is of."""


def connect(
    dataset: Path,
    *,
    time_zone: str = "UTC",
    views: Sequence[View] | None = None,
    asked: str | None = None,
    others: Mapping[str, str] | None = None,
    memory: str | None = None,
) -> DuckDBPyConnection:
    """
    Open a dataset: an in-memory DuckDB connection with `calls`, `rejects`, `spots` and all views.

    Parameters
    ----------
    dataset
        The folder. Files committed later are seen, except that a dataset without any call, or
        without any reject, has to be opened again to see its first.
    time_zone
        The report zone: local days and the text of instants follow it, through DST.
    views
        From `catalogue`, which by default has the package's, by the default definitions.
    asked
        The only question that will be asked, a view or SQL: views that it does not need are not
        made, which takes some 10 ms each.
    others
        Columns beyond the known ones that some of the data files have, and their types; by default
        looked for in the files.
    memory
        How much to hold before the rest goes to a temporary folder, such as `2GB`; by default
        DuckDB's, four fifths of the machine's.

    Raises
    ------
    DatasetError
        There is no such folder.
    UsageError
        There is no such time zone.
    ViewError
        DuckDB cannot read the files' footers, or refuses the SQL of a view.
    """
    import duckdb

    if not dataset.is_dir():
        raise DatasetError(f"no dataset at {dataset}: there is no such folder")
    root = dataset.resolve()
    con = duckdb.connect(":memory:")
    try:
        _configure(con, time_zone, memory)
        create_shapes(con)
        views = views or catalogue()
        create_views(con, views if asked is None else asked_of(views, asked))
        _fill_base(con, root, "calls", CALLS, others)
        _fill_base(con, root, "rejects", REJECTS, None)
        _fill_spots(con, root)
        _lock(con, root)
    except duckdb.Error as error:
        con.close()
        raise ViewError(f"cannot open {dataset}: {str(error).splitlines()[0]}") from error
    except (UsageError, ViewError):
        con.close()
        raise
    return con


def _configure(con: DuckDBPyConnection, time_zone: str, memory: str | None) -> None:
    """Set what holds for every cursor of the connection."""
    import duckdb

    try:
        con.execute(f"set global TimeZone = {_text(time_zone)}")
    except duckdb.Error as error:
        raise UsageError(f"there is no time zone {time_zone!r}") from error
    con.execute(f"set global temp_directory = {_text(str(spill_folder()))}")
    if memory is not None:
        con.execute(f"set global memory_limit = {_text(memory)}")
    con.execute("set global python_enable_replacements = false")
    con.execute(f"set global disabled_optimizers = {_text(AS_WRITTEN)}")
    con.execute("set global asof_loop_join_threshold = 0")


def create_shapes(con: DuckDBPyConnection) -> None:
    """
    Create the base relations without rows.

    Views are made over these: DuckDB binds a view as it is made, and would list all files for
    each.
    """
    for name, columns in (("calls", CALLS), ("rejects", REJECTS)):
        shape = ", ".join(f"null::{kind} as {_name(column)}" for column, kind in columns.items())
        con.execute(f"create view {name} as select null::VARCHAR as {ACCOUNT}, {shape} limit 0")
    con.execute(f"create view spots as {no_spots()}")


def base_of(columns: Mapping[str, str], patterns: Sequence[str], account: str = FROM_PATH) -> str:
    """SQL of a base relation over files; `account` says it of a file by its `cdr_path`."""
    pins = ", ".join(
        f"{_text(column)}: {{name: {_text(column)}, type: {_text(kind)}, default_value: null}}"
        for column, kind in columns.items()
    )
    listed = ", ".join(map(_text, patterns))
    return (
        f"select {account} as {ACCOUNT}, * exclude (cdr_path) "  # noqa: S608  # quoted or ours
        f"from read_parquet([{listed}], schema = map {{{pins}}}, filename = 'cdr_path')"
    )


def _fill_base(
    con: DuckDBPyConnection,
    root: Path,
    name: str,
    columns: Mapping[str, str],
    others: Mapping[str, str] | None,
) -> None:
    """Put the data files, if there are any, into a base relation; other columns come last."""
    if not any(root.glob(f"{name}/{ACCOUNT}=*/*.parquet")):
        return
    glob = f"{_escape(str(root))}/{name}/{ACCOUNT}=*/*.parquet"
    if others is None:
        others = _other_columns(con, glob)
    taken = {*columns, ACCOUNT, "cdr_path"}
    others = {other: kind for other, kind in others.items() if other.lower() not in taken}
    con.execute(f"create or replace view {name} as {base_of({**columns, **others}, [glob])}")


def no_spots() -> str:
    """SQL of the spots of a dataset without any."""
    cells = ", ".join(f"null::{kind} as {_name(column)}" for column, kind in SPOTS.items())
    return f"select {cells} limit 0"


def _fill_spots(con: DuckDBPyConnection, root: Path) -> None:
    """Put the spot logs, if there are any, into their base relation."""
    if any(root.glob("spots/*.parquet")):
        files = _text(f"{_escape(str(root))}/spots/*.parquet")
        cells = ", ".join(map(_name, SPOTS))
        con.execute(f"create or replace view spots as select {cells} from read_parquet({files})")  # noqa: S608  # quoted


def _other_columns(con: DuckDBPyConnection, glob: str) -> dict[str, str]:
    """Columns that some files have, by name; text where types differ."""
    rows = con.execute(
        "select min(name), list(distinct duckdb_type) "  # noqa: S608  # the glob is quoted
        f"from parquet_schema({_text(glob)}) where num_children is null "
        "group by lower(name) order by lower(name)"
    ).fetchall()
    return {name: kinds[0] if len(kinds) == 1 else "VARCHAR" for name, kinds in rows}


def create_views(con: DuckDBPyConnection, views: Sequence[View], time_zone: str = "") -> None:
    """
    Create macros and views over the base relations, each view with its notes as comment.

    Parameters
    ----------
    time_zone
        Zone to write into the views; by default they follow the session's.

    Raises
    ------
    ViewError
        DuckDB refuses the SQL of a view; the message names it.
    """
    con.execute(macros())
    zone = _text(time_zone) if time_zone else SESSION_ZONE
    sql = {view.name: view.sql.replace(SESSION_ZONE, zone) for view in views}
    staging = [view for view in views if view.layer == "staging"]
    # DuckDB binds a view as it is made, through all that it reads: half a second for all of them.
    # So each is made over the shapes of those below it, which get their own SQL in the end.
    for view in views:
        _create_view(con, view, sql[view.name])
        if view.layer == "staging":
            columns = con.execute(f"describe {_name(view.name)}").fetchall()
            cells = ", ".join(f"null::{row[1]} as {_name(row[0])}" for row in columns)
            _create_view(con, view, f"select {cells} limit 0")
    for view in reversed(staging):
        _create_view(con, view, sql[view.name])
    for view in views:
        con.execute(f"comment on view {_name(view.name)} is {_text(view.comment)}")


def _create_view(con: DuckDBPyConnection, view: View, sql: str) -> None:
    import duckdb

    try:
        con.execute(f"create or replace view {_name(view.name)} as {sql}")
    except duckdb.Error as error:
        line = str(error).splitlines()[0]
        raise ViewError(f"the view {view.name} cannot be made: {line}") from error


def replace_view(con: DuckDBPyConnection, view: str, sql: str) -> None:
    """Put other SQL, of the same columns, into a view; its comment stays."""
    (comment,) = con.execute(
        "select comment from duckdb_views() where not internal and view_name = ?", [view]
    ).fetchall()
    con.execute(f"create or replace view {_name(view)} as {sql}")
    con.execute(f"comment on view {_name(view)} is {_text(comment[0])}")


def columns_of(name: str, views: Sequence[View]) -> dict[str, str]:
    """Columns of a view and their types in DuckDB, in order; no dataset is needed."""
    import duckdb

    with duckdb.connect(":memory:") as con:
        create_shapes(con)
        create_views(con, asked_of(views, name))
        return {row[0]: row[1] for row in con.execute(f"describe {_name(name)}").fetchall()}


def _lock(con: DuckDBPyConnection, root: Path) -> None:
    """Limit reach to the dataset. Globs are compared as written, so their form is allowed too."""
    reach = ", ".join(_text(path) for path in sorted({str(root), _escape(str(root))}))
    con.execute(f"set global allowed_directories = [{reach}]")
    con.execute("set global enable_external_access = false")
    con.execute("set global lock_configuration = true")
