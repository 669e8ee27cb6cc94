"""What two connections answer, made comparable."""

from __future__ import annotations

from typing import Any


def answers(con: Any, name: str) -> list[str]:
    """All rows of a relation, in one order, numbers to nine digits, instants as their epoch."""
    relation = con.sql(f'from "{name}"')
    columns = ", ".join(
        f'round("{column}", 9) as "{column}"'
        if str(kind) == "DOUBLE"
        else f'epoch_ms("{column}") as "{column}"'
        if "TIME ZONE" in str(kind)
        else f'"{column}"'
        for column, kind in zip(relation.columns, relation.types, strict=True)
    )
    return sorted(map(str, con.sql(f'select {columns} from "{name}"').to_arrow_table().to_pylist()))
