"""
The views as CREATE VIEW statements for other engines.

Plan. For DuckDB the files are printed as they are. For any other dialect a view is rewritten where
that is exact (macros written out, FILTER as CASE, GROUP BY without aliases, division of doubles),
and refused where it is not: every function and every piece of syntax that is not known to mean the
same there is a reason, and a view with a reason is named with it, not printed. A staging view that
is refused can be a table instead, filled from `cdr query stg_calls -o stg_calls.parquet`: the views
over it are printed all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from cdr_engine.errors import ConfigError, UsageError
from cdr_engine.views.catalogue import catalogue, macros
from cdr_engine.views.defined import SESSION_ZONE
from cdr_engine.views.quoting import name, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlglot import exp

    from cdr_engine.views.view import View

__all__ = ["DIALECTS", "Dialect", "Statement", "view_statements"]

Dialect = Literal["duckdb", "spark", "trino", "snowflake", "bigquery", "athena"]
DIALECTS: tuple[str, ...] = get_args(Dialect)

LATEST_NAME = {
    "spark": "max_by({0}, struct(coalesce({1}, timestamp '0001-01-01 00:00:00'), {0})) "
    "filter (where {0} is not null)",
    "trino": "element_at(array_agg({0} order by {1} desc nulls last, {0} desc) "
    "filter (where {0} is not null), 1)",
    "snowflake": "cast(get(array_agg({0}) within group "
    "(order by {1} desc nulls last, {0} desc), 0) as varchar)",
    "bigquery": "array_agg({0} ignore nulls order by {1} desc nulls last, {0} desc limit 1)"
    "[safe_offset(0)]",
}
LATEST_NAME["athena"] = LATEST_NAME["trino"]
"""The macro `latest_name(name, started_at)`: the name that is not NULL at the latest start."""

RESULT_WORD = "nullif(upper(trim(split_part({0}, '(', 1))), '')"
"""The macro `result_word(result)`, in DuckDB's words that others have too."""

SAME = {
    "Abs", "And", "AnyValue", "Avg", "Case", "Cast", "Coalesce", "Count", "If", "Max", "Min",
    "Nullif", "Or", "RowNumber", "SplitPart", "Sqrt", "Sum", "Trim", "Upper",
}  # fmt: skip
"""Functions that mean the same everywhere, NULL included, with the types that the views use."""

SAME_WITHIN_MACROS = {"greatest", "least"}
"""NULL makes these differ: macros use them on what is not NULL."""

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
    bodies = _macro_bodies()
    found = []
    for view, sql in zoned:
        tree = sqlglot.parse_one(sql, read="duckdb")
        reasons = _rewrite(tree, dialect, bodies)
        if view.sql.count("main.params"):
            reasons.append("main.params")
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


def _macro_bodies() -> dict[str, tuple[list[str], exp.Expr]]:
    """Parameters and expression of each macro; those that are tables are refused by name."""
    import sqlglot
    from sqlglot import exp

    bodies = {}
    for tree in sqlglot.parse(macros(), read="duckdb"):
        assert tree is not None
        function = tree.find(exp.UserDefinedFunction)
        assert function is not None
        parameters = [parameter.name for parameter in function.expressions]
        if not isinstance(tree.args["expression"], exp.Query):
            bodies[function.this.name.lower()] = (parameters, tree.args["expression"])
    return bodies


def _rewrite(tree: exp.Expr, dialect: str, bodies: dict[str, Any]) -> list[str]:
    """Change a view's tree in place into what the dialect takes; the reasons why it cannot."""
    _looked_up(tree)
    reasons = _refused(tree, bodies)
    if reasons:
        return reasons
    for step in (_cased_filters, _grouped_by_expressions):
        step(tree)
    _expand(tree, dialect, bodies)
    _divide_doubles(tree)
    if dialect == "bigquery":
        _split_by_offset(tree)
    return reasons


def _refused(tree: exp.Expr, bodies: dict[str, Any]) -> list[str]:
    """What of a tree has no exact form, macros looked into."""
    from sqlglot import exp

    reasons: list[str] = []
    for node in tree.walk():
        kind = type(node).__name__
        if isinstance(node, exp.Anonymous) and node.name.lower() in bodies:
            if node.name.lower() not in ("latest_name", "result_word"):
                within = _refused(bodies[node.name.lower()][1], bodies)
                reasons += [reason for reason in within if reason not in SAME_WITHIN_MACROS]
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


def _looked_up(tree: exp.Expr) -> None:
    """A map of a whole table's keys and values, and its subscripts, as lookups in that table."""
    from sqlglot import exp

    for cte in list(tree.find_all(exp.CTE)):
        maps = {
            column.alias: (column.this.args["keys"], column.this.args["values"])
            for column in cte.this.selects
            if isinstance(column, exp.Alias) and isinstance(column.this, exp.Map)
        }
        lists = [part for pair in maps.values() for part in pair]
        if not maps or len(maps) != len(cte.this.selects) or not all(map(_is_list, lists)):
            continue
        table = cte.this.find(exp.Table)
        for node in list(tree.find_all(exp.Bracket)):
            if node.this.name in maps:
                keys, values = maps[node.this.name]
                lookup = exp.select(exp.AnyValue(this=values.this.copy())).from_(table.copy())
                lookup = lookup.where(exp.EQ(this=keys.this.copy(), expression=node.expressions[0]))
                node.replace(exp.paren(lookup))
        for join in list(tree.find_all(exp.Join)):
            if join.this.name == cte.alias:
                join.pop()
        cte.pop()


def _is_list(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.ArrayAgg) and isinstance(node.this, exp.Column)


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


def _cased_filters(tree: exp.Expr) -> None:
    """`agg(x) filter (where c)` as `agg(case when c then x end)`: NULL is what aggregates skip."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Filter)):
        call, condition = node.this, node.expression.this
        counts_rows = isinstance(call.this, exp.Star)
        value = exp.Literal.number(1) if counts_rows else call.this
        call.set("this", exp.Case().when(condition.copy(), value.copy()))
        node.replace(call)


def _grouped_by_expressions(tree: exp.Expr) -> None:
    """`group by day` as the expression that day stands for."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        group = select.args.get("group")
        aliases = {c.alias: c.this for c in select.expressions if isinstance(c, exp.Alias)}
        for key in group.expressions if group else ():
            if isinstance(key, exp.Column) and not key.table and key.name in aliases:
                key.replace(aliases[key.name].copy())


def _expand(tree: exp.Expr, dialect: str, bodies: dict[str, Any]) -> None:
    """Write macros out, the outermost first, until none is left."""
    import sqlglot
    from sqlglot import exp

    def find() -> exp.Anonymous | None:
        calls = tree.find_all(exp.Anonymous)
        return next((call for call in calls if call.name.lower() in bodies), None)

    while call := find():
        if call.name.lower() == "latest_name":
            arguments = [argument.sql(dialect) for argument in call.expressions]
            written = sqlglot.parse_one(LATEST_NAME[dialect].format(*arguments), read=dialect)
        elif call.name.lower() == "result_word":
            argument = call.expressions[0].sql("duckdb")
            written = exp.paren(sqlglot.parse_one(RESULT_WORD.format(argument), read="duckdb"))
        else:
            parameters, body = bodies[call.name.lower()]
            values = dict(zip(parameters, call.expressions, strict=True))
            written = exp.paren(body.copy().transform(_bound(values)))
        call.replace(written)


def _bound(values: dict[str, exp.Expr]) -> Callable[[exp.Expr], exp.Expr]:
    """Put arguments in the place of a macro's parameters."""
    from sqlglot import exp

    def bind(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name in values:
            return exp.paren(values[node.name].copy())
        return node

    return bind


def _split_by_offset(tree: exp.Expr) -> None:
    """BigQuery has no split_part: its parts are an array."""
    import sqlglot
    from sqlglot import exp

    for node in reversed(list(tree.find_all(exp.SplitPart))):
        whole, delimiter, index = (
            node.args[key].sql("bigquery") for key in ("this", "delimiter", "part_index")
        )
        parts = f"split({whole}, {delimiter})[safe_ordinal({index})]"
        node.replace(sqlglot.parse_one(parts, read="bigquery"))


def _divide_doubles(tree: exp.Expr) -> None:
    """DuckDB divides integers as doubles; others cut, or round to six decimals."""
    from sqlglot import exp

    # The innermost first: what stands in a numerator is copied.
    for node in reversed(list(tree.find_all(exp.Div))):
        node.set("this", exp.cast(node.this.copy(), exp.DataType.Type.DOUBLE))
        node.args.update(typed=False, safe=False)
