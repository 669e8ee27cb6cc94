"""
Questions to an open dataset: the name of a view, or SQL that only reads.

DuckDB's own parser says what a text is. That is not quite enough: the text of an EXPLAIN counts
as EXPLAIN whatever it explains, and DuckDB 2 takes COPY inside WITH, which would write files into
the dataset, the one folder that is open to it. So the words that write are refused wherever they
stand unquoted.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cdr_engine.errors import ViewError
from cdr_engine.views.quoting import name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

__all__ = ["explain", "query", "relations"]

READS = {("SELECT",), ("EXPLAIN",), ("MULTI",), ("CREATE", "SELECT")}
"""Kinds of statement that read. PIVOT is the last two: MULTI in DuckDB 2, a pair before."""

WRITES = {
    "attach",
    "copy",
    "create",
    "delete",
    "drop",
    "export",
    "import",
    "insert",
    "merge",
    "update",
}
"""Words that a statement which reads has no use for, unless they are quoted."""


def query(
    con: DuckDBPyConnection,
    text: str,
    *,
    parameters: Sequence[object] | Mapping[str, object] | None = None,
    order_by: str | None = None,
    names: Sequence[str] = (),
) -> pa.RecordBatchReader:
    """
    Ask an open dataset, and get the answer as a stream of Arrow batches.

    Parameters
    ----------
    con
        From `connect`. Each query has a cursor of its own, so several answers may be open.
    text
        The name of a view or base relation, or one SQL statement that reads.
    parameters
        Values for `?` (a sequence) or `$name` (a mapping) in the SQL.
    order_by
        Columns of the answer, commas between them: `day`, `n_calls desc` or `-n_calls`. NULL comes
        last.
    names
        What to propose where there is no such view; by default what is there.

    Returns
    -------
    pyarrow.RecordBatchReader
        Instants carry the connection's time zone. The query runs while it is read.

    Raises
    ------
    ViewError
        There is no such view or column, the text is not one statement that reads, or DuckDB
        refuses it; also while the answer is read.
    """
    import duckdb
    import pyarrow as pa

    try:
        sql = _statement(con, text, names)
        relation = con.cursor().sql(sql, params=parameters)
        if order_by is not None:
            relation = relation.order(_order(order_by, relation.columns))
        answer = pa.RecordBatchReader.from_stream(relation)
    except duckdb.Error as error:
        raise ViewError(_one_line(error)) from error
    return pa.RecordBatchReader.from_batches(answer.schema, _batches(answer))


def explain(
    con: DuckDBPyConnection, text: str, *, order_by: str | None = None, names: Sequence[str] = ()
) -> str:
    """
    How DuckDB would answer: the plan as a picture of text; nothing is read but footers.

    Raises
    ------
    ViewError
        As in `query`.
    """
    import duckdb

    try:
        relation = con.cursor().sql(_statement(con, text, names))
        if order_by is not None:
            relation = relation.order(_order(order_by, relation.columns))
        return relation.explain()
    except duckdb.Error as error:
        raise ViewError(_one_line(error)) from error


def relations(con: DuckDBPyConnection) -> list[str]:
    """Names of what can be asked in an open dataset, in order; those with a _ before are ours."""
    rows = con.execute(
        "select view_name from duckdb_views() "
        "where not internal and not starts_with(view_name, '_') order by view_name"
    ).fetchall()
    return [row[0] for row in rows]


def _statement(con: DuckDBPyConnection, text: str, names: Sequence[str]) -> str:
    """The one statement that a text stands for: all of a view, or itself if it only reads."""
    sql = text.strip()
    return _select(con, sql, names) if re.fullmatch(r"\w+", sql) else _checked(con, sql)


def _order(order_by: str, columns: list[str]) -> str:
    """An ORDER BY of columns that are there, by name."""
    known = {column.lower(): column for column in columns}
    terms = []
    for part in order_by.split(","):
        words = part.split()
        if len(words) == 2 and words[1].lower() in ("asc", "desc"):
            wanted, direction = words[0], words[1].lower()
        else:
            wanted = part.strip().removeprefix("-")
            direction = "desc" if part.strip().startswith("-") else "asc"
        if wanted.lower() not in known:
            near = get_close_matches(wanted.lower(), known, n=3) or list(known)
            raise ViewError(f"there is no column {wanted!r} to order by; there is {_list(near)}")
        terms.append(f"{name(known[wanted.lower()])} {direction} nulls last")
    return ", ".join(terms)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _batches(answer: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The same batches; an error on the way is a ViewError."""
    import pyarrow as pa

    try:
        yield from answer
    except (pa.ArrowException, OSError) as error:
        raise ViewError(_one_line(error)) from error


def _select(con: DuckDBPyConnection, view: str, names: Sequence[str]) -> str:
    """SQL for all of one view, if there is one of this name."""
    there = relations(con)
    if view.lower() in there:
        return f"from {name(view.lower())}"
    names = sorted({*there, *names})
    near = get_close_matches(view.lower(), names, n=3) or names
    raise ViewError(f"there is no view {view!r}; there is {_list(near)}")


def _checked(con: DuckDBPyConnection, sql: str) -> str:
    """The same SQL, if it is one statement that reads."""
    import duckdb

    statements = con.extract_statements(sql)
    kinds = tuple(statement.type.name for statement in statements)
    if not kinds:
        raise ViewError("there is no SQL in the query")
    if kinds in READS:
        words = _words(sql, duckdb.tokenize(sql))
        if not (found := sorted(WRITES.intersection(words))):
            return sql
        raise ViewError(f"a query only reads: {found[0].upper()} is refused; quote it if a name")
    if len(kinds) > 1 and kinds != ("CREATE", "SELECT"):
        raise ViewError(f"one statement at a time: the query has {len(kinds)}")
    raise ViewError(f"a query only reads: {kinds[0]} is refused")


def _words(sql: str, tokens: list[tuple[int, Any]]) -> Iterator[str]:
    """The unquoted words of a statement, in lower case."""
    encoded = sql.encode()
    starts = [start for start, _ in tokens]
    for start, end in zip(starts, [*starts[1:], len(encoded)], strict=True):
        if match := re.match(r"[A-Za-z_]\w*", encoded[start:end].decode(errors="replace")):
            yield match[0].lower()


def _one_line(error: Exception) -> str:
    """
    DuckDB's message: its first line and the names it suggests.

    Long numbers, which may be a caller's, are left out.
    """
    line, *more = str(error).splitlines() or ["DuckDB gives no reason"]
    near = [text for text in more if text.startswith(("Candidate bindings: ", "Did you mean "))]
    line = " ".join([line, *near])
    return re.sub(r"\d{7,}", "…", line)
