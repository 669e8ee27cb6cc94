"""
The views as CREATE VIEW statements for other engines.

Plan. For DuckDB the files are printed as they are. For any other dialect a view is rewritten where
that is exact (see `rewriting`), and refused where it is not: every function and every piece of
syntax that is not known to mean the same there is a reason, and a view with a reason is named with
it, not printed. A staging view that is refused can be a table instead, filled from `cdr query
stg_calls -o stg_calls.parquet`: the views over it are printed all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from cdr_engine.errors import ConfigError, UsageError
from cdr_engine.views.catalogue import catalogue, macros
from cdr_engine.views.defined import SESSION_ZONE
from cdr_engine.views.quoting import name, text
from cdr_engine.views.rewriting import look_up, macro_bodies, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlglot import exp

    from cdr_engine.views.view import View

__all__ = ["DIALECTS", "Dialect", "Statement", "view_statements"]

Dialect = Literal["duckdb", "spark", "trino", "snowflake", "bigquery", "athena"]
DIALECTS: tuple[str, ...] = get_args(Dialect)

SAME = {
    "Abs", "And", "AnyValue", "Avg", "Case", "Cast", "Ceil", "Coalesce", "Count", "Exp", "Floor",
    "If", "Left", "Length", "Ln", "LogicalOr", "Max", "Min", "Nullif", "Or", "RowNumber",
    "SplitPart", "Sqrt", "Substring", "Sum", "Trim", "Upper",
}  # fmt: skip
"""Functions that mean the same everywhere, NULL included, with the types that the views use."""

REFUSED = (
    "Array", "AtTimeZone", "Bracket", "DistinctOn", "Interval", "Lambda", "Lateral", "Map", "Pivot",
    "Qualify", "RegexpExtract", "Struct", "TryCast", "Tuple", "Unnest",
)  # fmt: skip
"""Syntax, not functions, that engines understand in ways of their own."""


class Statement(NamedTuple):
    """One view for one dialect."""

    view: str
    sql: str
    """CREATE VIEW, with its macros before it in DuckDB; empty where the view was refused."""
    reasons: tuple[str, ...]
    """What of the view has no exact form in the dialect."""


def view_statements(
    dialect: str,
    *,
    table: str = "calls",
    time_zone: str = "UTC",
    views: Sequence[View] | None = None,
) -> list[Statement]:
    """
    Every view as a statement for a dialect, each after the views it reads.

    Parameters
    ----------
    table
        Where the calls are: a table with the report's columns and account_id.
    time_zone
        Zone of local days and hours.
    views
        From `catalogue`, which by default has the package's, by the default definitions.

    Raises
    ------
    UsageError
        There is no such dialect.
    ConfigError
        sqlglot, which other dialects than DuckDB's need, is not installed.
    """
    if dialect not in DIALECTS:
        raise UsageError(f"there is no dialect {dialect!r}; there are {', '.join(DIALECTS)}")
    views = views or catalogue()
    without = _without_base(views)
    zoned = [
        (view, view.sql.replace(SESSION_ZONE, text(time_zone)).replace("main.calls", table))
        for view in views
        if view.name not in without
    ]
    left_out = [Statement(view, "", (base,)) for view, base in sorted(without.items())]
    if dialect == "duckdb":
        return [
            Statement("macros", _or_replace(macros()), ()),
            *(Statement(view.name, _created(view, sql), ()) for view, sql in zoned),
            *left_out,
        ]
    return [*_translated(dialect, zoned), *left_out]


def _translated(dialect: str, zoned: Iterable[tuple[View, str]]) -> list[Statement]:
    """Views for another dialect than DuckDB's."""
    try:
        import sqlglot
    except ImportError as error:
        raise ConfigError(
            f"{dialect} needs sqlglot: pip install 'cdr-engine[elsewhere]'"
        ) from error
    bodies = macro_bodies()
    found = []
    for view, sql in zoned:
        tree = sqlglot.parse_one(sql, read="duckdb")
        look_up(tree)
        reasons = _refused(tree, bodies)
        if not reasons:
            rewrite(tree, dialect, bodies)
        create = f"CREATE OR REPLACE VIEW {view.name} AS\n"
        printed = tree.sql(dialect, pretty=True, comments=False) if not reasons else ""
        found.append(
            Statement(
                view.name,
                f"{create}{printed};" if printed else "",
                tuple(sorted(set(reasons))),
            )
        )
    return found


def _without_base(views: Sequence[View]) -> dict[str, str]:
    """Views over rejects or spots, which only a dataset has, and views over those, with which."""
    lost = {"rejects": "rejects", "spots": "spots"}
    for view in views:
        read = [lost[word] for word in re.findall(r"\w+", view.sql) if word in lost]
        if read:
            lost[view.name] = read[0]
    return {name: base for name, base in lost.items() if name not in ("rejects", "spots")}


def _or_replace(sql: str) -> str:
    return sql.replace("create macro", "create or replace macro").strip()


def _created(view: View, sql: str) -> str:
    return (
        f"create or replace view {name(view.name)} as\n{sql};\n"
        f"comment on view {name(view.name)} is {text(view.comment)};"
    )


def _refused(tree: exp.Expr, bodies: dict[str, Any]) -> list[str]:
    """What of a tree has no exact form, macros looked into."""
    from sqlglot import exp

    reasons: list[str] = []
    for node in tree.walk():
        kind = type(node).__name__
        if isinstance(node, exp.Anonymous) and node.name.lower() in bodies:
            if node.name.lower() not in ("latest_name", "result_word"):
                reasons += _refused(bodies[node.name.lower()][1], bodies)
        elif _is_understood(node):
            continue
        elif kind in REFUSED or (isinstance(node, exp.Func) and kind not in SAME):
            reasons.append(_spelled(node))
        elif isinstance(node, exp.Group) and node.args.get("all"):
            reasons.append("group by all")
        elif isinstance(node, exp.Join) and node.args.get("method"):
            reasons.append(f"{node.args['method']} join".lower())
        elif isinstance(node, exp.Select):
            reasons += [f"alias {alias} used beside itself" for alias in _reused_aliases(node)]
    return reasons


def _is_understood(node: exp.Expr) -> bool:
    """Tell syntax that is refused in general and means the same where it stands."""
    from sqlglot import exp

    if isinstance(node, (exp.Greatest, exp.Least)):
        return len(node.expressions) == 1
    if isinstance(node, (exp.RegexpExtract, exp.TryCast)):
        return _is_number_in_text(node)
    return isinstance(node, exp.Tuple) and isinstance(node.parent, exp.Values)


def _is_number_in_text(node: exp.Expr) -> bool:
    """
    Tell `try_cast(nullif(regexp_extract(…), '') as integer)`, or a part of it.

    Elsewhere a text without a match is NULL or empty, and a cast that is tried takes text alone.
    """
    from sqlglot import exp

    inner = node.this if isinstance(node, exp.TryCast) else node.parent
    return (
        isinstance(inner, exp.Nullif)
        and isinstance(inner.this, exp.RegexpExtract)
        and inner.expression.name == ""
    )


def _spelled(node: exp.Expr) -> str:
    """A function or a piece of syntax as a reader of SQL knows it."""
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else type(node).__name__.lower()


def _reused_aliases(select: exp.Select) -> list[str]:
    """Aliases that later columns of the same SELECT read, which DuckDB alone allows everywhere."""
    from sqlglot import exp

    seen: set[str] = set()
    reused = []
    for column in select.expressions:
        read = {found.name for found in column.find_all(exp.Column) if not found.table}
        reused += sorted(read & seen)
        if isinstance(column, exp.Alias) and column.this.name != column.alias:
            seen.add(column.alias)
    return reused
