"""
The dataset's views as a database file, `cdr.duckdb`: no rows, only SQL over the Parquet files.

Plan. Drivers open it read-only, from any working directory, wherever the folder was moved to. A
view cannot ask where its own file is; but DuckDB puts its temporary folder beside the file it
opened (`/where/it/is/cdr.duckdb.tmp`, the documented default of `temp_directory`), and a setting is
a constant that a table function takes. So each base view says: the folder that the temporary folder
is in, if that is ours; else, as where the file is attached to another database, the place it was
written for.

The SQL is what DuckDB 1.1 knows, and so is the storage version. It is built under another name and
renamed, so readers keep the one they opened.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from cdr_engine.errors import DatasetError, ViewError
from cdr_engine.views.catalogue import catalogue
from cdr_engine.views.connection import (
    ACCOUNT,
    CALLS,
    REJECTS,
    SPOTS,
    create_shapes,
    create_views,
    no_spots,
)
from cdr_engine.views.quoting import escape, name, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from cdr_engine.views.view import View

__all__ = ["DATABASE", "write_database"]

DATABASE = "cdr.duckdb"
STORAGE = "v1.0.0"
"""The oldest storage version that DuckDB 2 writes."""

WORKING = ".cdr-duckdb-"
"""Folder that a database is built in: no reader looks there."""

ABANDONED_S = 3600
"""Seconds after which a working folder belongs to a writer that was killed."""


def write_database(
    dataset: Path, *, time_zone: str = "UTC", views: Sequence[View] | None = None
) -> Path:
    """
    Write, or replace, a dataset's `cdr.duckdb` and return its path.

    Parameters
    ----------
    dataset
        The folder.
    time_zone
        The report zone: local days follow it, whatever zone the driver's session is in.
    views
        From `catalogue`, which by default has the package's, by the default definitions.

    Raises
    ------
    DatasetError
        There is no such folder, or it cannot be written to.
    ViewError
        DuckDB cannot read the files' footers, or refuses the SQL of a view.
    """
    import duckdb

    if not dataset.is_dir():
        raise DatasetError(f"no dataset at {dataset}: there is no such folder")
    root = dataset.resolve()
    target = root / DATABASE
    try:
        _remove_abandoned(root)
        with tempfile.TemporaryDirectory(prefix=WORKING, dir=root) as working:
            built = Path(working) / DATABASE
            with duckdb.connect(":memory:") as con:
                # The name the file will have: views are stored with the name of their catalogue.
                con.execute(f"attach {text(str(built))} as cdr (storage_version {text(STORAGE)})")
                con.execute("use cdr")
                _fill(con, root, time_zone, views or catalogue())
                con.execute("use memory")
                con.execute("detach cdr")
            built.chmod(0o600)
            built.replace(target)
    except duckdb.Error as error:
        raise ViewError(f"cannot write {target}: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise DatasetError(f"cannot write {target}: {error.strerror}") from error
    return target


def _remove_abandoned(root: Path) -> None:
    for path in root.glob(f"{WORKING}*"):
        if time.time() - path.stat().st_mtime > ABANDONED_S:
            rmtree(path, ignore_errors=True)


def _fill(con: DuckDBPyConnection, root: Path, time_zone: str, views: Sequence[View]) -> None:
    create_shapes(con)
    create_views(con, views, time_zone)
    for relation, columns in (("calls", CALLS), ("rejects", REJECTS)):
        con.execute(f"create or replace view {relation} as {_base(con, root, relation, columns)}")
    con.execute(f"create or replace view spots as {_spots(root)}")


def _spots(root: Path) -> str:
    """SQL of the spot logs."""
    if not any(root.glob("spots/*.parquet")):
        return no_spots()
    cells = ", ".join(map(name, SPOTS))
    return f"select {cells} from read_parquet({_place(root)} || 'spots/*.parquet')"  # noqa: S608  # quoted


def _base(con: DuckDBPyConnection, root: Path, relation: str, columns: dict[str, str]) -> str:
    """SQL of a base relation: known columns first, each there even if no file has it."""
    files = f"{relation}/{ACCOUNT}=*/*.parquet"
    found: dict[str, str] = {}
    if any(root.glob(files)):
        rows = con.execute(
            "select min(name), list(distinct duckdb_type) "  # noqa: S608  # the glob is quoted
            f"from parquet_schema({text(f'{escape(str(root))}/{files}')}) "
            "where num_children is null group by lower(name) order by lower(name)"
        ).fetchall()
        found = {row[0]: row[1][0] if len(row[1]) == 1 else "VARCHAR" for row in rows}
    others = {key: kind for key, kind in found.items() if key not in (*columns, ACCOUNT)}
    cells = ", ".join(
        f"{name(key) if key in found else 'null'}::{kind} as {name(key)}"
        for key, kind in (columns | others).items()
    )
    if not found:
        return f"select null::VARCHAR as {ACCOUNT}, {cells} limit 0"
    return (
        f"select {ACCOUNT}, {cells} from read_parquet({_place(root)} || {text(files)}, "  # noqa: S608  # quoted
        f"union_by_name = true, hive_partitioning = true, "
        f"hive_types = {{{text(ACCOUNT)}: VARCHAR}})"
    )


def _place(root: Path) -> str:
    """SQL for the folder, with a slash at its end, as a pattern that matches only itself."""
    beside = "current_setting('temp_directory')"
    # A path that is not absolute is meant from the working directory, as DuckDB means it as well.
    here = f"regexp_replace({beside}, 'cdr\\.duckdb\\.tmp$', '')"
    return (
        f"case when {beside} similar to '(.*[/\\\\])?cdr\\.duckdb\\.tmp' "
        f"then regexp_replace({here}, '([\\[*?])', '[\\1]', 'g') "
        f"else {text(f'{escape(str(root))}/')} end"
    )
