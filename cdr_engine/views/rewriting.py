"""
A view's SQL as other engines take it, by changes to its tree that keep what it means.

Macros are written out, FILTER is CASE, keys of GROUP BY are expressions, named windows stand where
they are used, integers are divided as doubles, NULL is skipped by hand where engines differ, and no
CTE has the name of the view it reads, which some take for recursion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdr_engine.views.catalogue import macros

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp

__all__ = ["look_up", "macro_bodies", "rewrite"]

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


def rewrite(tree: exp.Expr, dialect: str, bodies: dict[str, Any]) -> None:
    """Change a view's tree in place; `bodies` are those of `macro_bodies`."""
    for step in (_unshadow, _inline_windows, _cased_filters, _grouped_by_expressions, _skip_nulls):
        step(tree)
    _expand(tree, dialect, bodies)
    _divide_doubles(tree)
    if dialect == "bigquery":
        _split_by_offset(tree)
        _order_nulls_last(tree)


def macro_bodies() -> dict[str, tuple[list[str], exp.Expr]]:
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


def look_up(tree: exp.Expr) -> None:
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


def _unshadow(tree: exp.Expr) -> None:
    """Another name for a CTE that is called as the view it reads."""
    from sqlglot import exp

    for cte in list(tree.find_all(exp.CTE)):
        name = cte.alias
        bases = [table for table in cte.this.find_all(exp.Table) if table.db == "main"]
        for table in bases:
            table.set("db", None)
        if name not in {table.name for table in bases}:
            continue
        cte.set("alias", exp.TableAlias(this=exp.to_identifier(f"{name}_read")))
        for table in list(tree.find_all(exp.Table)):
            if table.name == name and not any(table is base for base in bases):
                alias = table.alias or name
                table.replace(exp.alias_(exp.to_table(f"{name}_read"), alias, table=True))


def _inline_windows(tree: exp.Expr) -> None:
    """`over w` as what w stands for: not every engine has a WINDOW clause."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        named = {window.name: window for window in select.args.get("windows") or ()}
        for node in list(select.find_all(exp.Window)):
            if node.alias in named:
                inlined = named[node.alias].copy()
                inlined.set("this", node.this.copy())
                inlined.set("over", "OVER")
                node.replace(inlined)
        select.set("windows", None)


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


def _skip_nulls(tree: exp.Expr) -> None:
    """`greatest` and `least` of two: DuckDB's skip NULL, others give it back."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Greatest, exp.Least)):
        arguments = [node.this.copy(), *(argument.copy() for argument in node.expressions)]
        node.replace(exp.Coalesce(this=node.copy(), expressions=arguments))


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


def _order_nulls_last(tree: exp.Expr) -> None:
    """BigQuery puts NULL first in a window, and takes no word against it."""
    from sqlglot import exp

    for window in tree.find_all(exp.Window):
        order = window.args.get("order") or exp.Order(expressions=[])
        for key in list(order.expressions):
            is_descending = bool(key.args.get("desc"))
            key.set("nulls_first", not is_descending)
            if not is_descending:
                absent = exp.Is(this=key.this.copy(), expression=exp.null())
                order.expressions.insert(key.index or 0, exp.Ordered(this=absent, nulls_first=True))


def _divide_doubles(tree: exp.Expr) -> None:
    """DuckDB divides integers as doubles; others cut, or round to six decimals."""
    from sqlglot import exp

    # The innermost first: what stands in a numerator is copied.
    for node in reversed(list(tree.find_all(exp.Div))):
        node.set("this", exp.cast(node.this.copy(), exp.DataType.Type.DOUBLE))
        node.args.update(typed=False, safe=False)
