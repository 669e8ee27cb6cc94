"""Small datasets for the views: rows in, Parquet files in the layout of a dataset out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cdr_engine.schema import COLUMNS
from cdr_engine.views import connect, query

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {
    "uii": pa.string(),
    "text": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "instant": pa.timestamp("ms", "UTC"),
    "flag": pa.bool_(),
}
SCHEMA = pa.schema([(column.name, TYPES[column.kind]) for column in COLUMNS])


def at(text: str) -> dt.datetime:
    """An instant: `2025-01-02 03:04` is UTC unless an offset is given."""
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def call(
    enqueue: str | None = "2025-01-02 12:00", result: str | None = "CONNECTED", **cells: Any
) -> dict[str, Any]:
    """A call of profile 1 with a clock that is never in the uii unless given."""
    return {
        "uii": "no clock",
        "cloud_profile_id": 1,
        "profile_name": "Sales",
        "enqueue_time": at(enqueue) if enqueue else None,
        "call_result": result,
    } | cells


def given(
    dataset: Path,
    *rows: dict[str, Any],
    account: str = "13670001",
    window: str = "w",
    without: tuple[str, ...] = (),
) -> Path:
    """Add one data file; keys that are no columns of the report become extra text columns."""
    extra = sorted({key for row in rows for key in row} - {*SCHEMA.names})
    schema = pa.schema(
        [field for field in SCHEMA if field.name not in without]
        + [(name, pa.string()) for name in extra]
    )
    folder = dataset / "calls" / f"account_id={account}"
    folder.mkdir(parents=True, exist_ok=True)
    filled = [{name: row.get(name) for name in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(filled, schema), folder / f"{window}.parquet")
    return dataset


def ask(dataset: Path, text: str, *, zone: str = "UTC") -> list[dict[str, Any]]:
    """All rows of a view or a query, as Python values."""
    con = connect(dataset, time_zone=zone, asked=text)
    return query(con, text).read_all().to_pylist()


def one(dataset: Path, text: str, *columns: str, zone: str = "UTC") -> Any:
    """Those columns of the only row; one column is given bare."""
    (row,) = ask(dataset, text, zone=zone)
    values = tuple(row[name] for name in columns)
    return values if len(values) > 1 else values[0]
