"""
Valid random reports, read by the engine, by the csv module and by DuckDB's strict reader.

Both others give raw text; it is compared with the engine's typed values through the rules of the
calls table, written down here once more.
"""

from __future__ import annotations

import csv
import io
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from cdr_engine.pipeline import Report
from cdr_engine.schema import COLUMNS, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Compared", "compare", "random_rows"]

ALPHABETS = ["abc XYZ", 'abc,"; é😀', "a,\"\n '|\t", "0123x=+", "añ\u00a0\u202f中"]
TRUE = {"yes", "y", "1", "true"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cell = str | int | bool | None


class Compared(NamedTuple):
    """How much was compared."""

    rows: int
    cells: int
    body_bytes: int


def _random_cell(rng: random.Random, kind: str, alphabet: str) -> str:
    if kind == "uii":
        return f"'{rng.randrange(10**29, 10**30)}"
    if rng.random() < 0.2:
        return rng.choice(["", "", "   "])
    pad = " " * rng.choice([0, 0, 0, 3])
    if kind in ("int32", "int64"):
        bits = int(kind[3:]) - 1
        return pad + str(rng.randrange(-(1 << bits), 1 << bits)) + pad
    if kind == "flag":
        return rng.choice(["Yes", "No", "yes", "n", "1", "0", "TRUE", "false"]) + pad
    if kind == "instant":
        moment = EPOCH + timedelta(minutes=rng.randrange(16_000_000, 35_000_000))
        hour = moment.hour % 12 or 12
        return f"{moment.month}/{moment.day}/{moment:%y} {hour}:{moment:%M %p}"
    return pad + "".join(rng.choices(alphabet, k=rng.randrange(12))) + pad


def random_rows(rng: random.Random, count: int) -> list[list[str]]:
    """Rows whose every cell fits its column."""
    alphabet = rng.choice(ALPHABETS)
    return [[_random_cell(rng, c.kind, alphabet) for c in COLUMNS] for _ in range(count)]


def _as_text(text: str) -> Cell:
    return text.strip(" ") or None


def _as_number(text: str) -> Cell:
    return int(text) if text.strip(" ") else None


def _as_flag(text: str) -> Cell:
    word = text.strip(" ").lower()
    return word in TRUE if word else None


def _as_instant(text: str) -> Cell:
    """Milliseconds since 1970 of `M/D/YY h:mm AM` in UTC, by plain arithmetic on its parts."""
    text = text.strip(" ")
    if not text:
        return None
    date, time, half = text.split(" ")
    month, day, year = map(int, date.split("/"))
    hour, minute = map(int, time.split(":"))
    moment = datetime(2000 + year, month, day, hour % 12 + 12 * (half == "PM"), minute, tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


RULES: dict[str, Callable[[str], Cell]] = {
    "uii": lambda text: text.strip(" ").removeprefix("'") or None,
    "text": _as_text,
    "int32": _as_number,
    "int64": _as_number,
    "flag": _as_flag,
    "instant": _as_instant,
}
"""The calls table's rules, from text to value."""


def _valued(columns: Sequence[Sequence[str | None]]) -> list[list[Cell]]:
    """Raw text, column by column, as values."""
    return [
        [RULES[column.kind](text or "") for text in cells]
        for column, cells in zip(COLUMNS, columns, strict=True)
    ]


def _ours(body: bytes, chunk: int, block_bytes: int) -> list[list[Cell]]:
    chunks = (body[at : at + chunk] for at in range(0, len(body), chunk))
    report = Report(chunks, time_zone="UTC", block_bytes=block_bytes)
    columns: list[list[Any]] = [[] for _ in COLUMNS]
    for batch in report.to_batches():
        for column, cells, array in zip(COLUMNS, columns, batch.columns, strict=True):
            plain = array.cast("int64") if column.kind == "instant" else array
            cells.extend(plain.to_pylist())
    assert [] == report.rejects
    return columns


def _csv_module(body: bytes, mark: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=mark, strict=True))
    assert NAMES == tuple(rows[0])
    return [list(column) for column in zip(*rows[1:], strict=True)]


def _duckdb(path: Path, mark: str) -> list[list[str | None]]:
    # DuckDB 2.0.0 finds no rows at all where new_line='\\r\\n' is given; left out, it finds all.
    with duckdb.connect() as connection:
        names = ", ".join(f"'{name}': 'VARCHAR'" for name in NAMES)
        found = connection.execute(
            f"select * from read_csv($path, delim=$mark, quote='\"', escape='\"', header=true,"
            f" strict_mode=true, auto_detect=false, parallel=false, columns={{{names}}})",
            {"path": str(path), "mark": mark},
        ).fetchall()
    return [list(column) for column in zip(*found, strict=True)]


def compare(rows: int, seed: int) -> Compared:
    """Make one report of so many rows and hold the three readers against each other."""
    rng = random.Random(seed)
    mark, end = rng.choice([",", ",", "|", "\t"]), rng.choice(["\n", "\r\n"])
    made = random_rows(rng, rows)
    text = io.StringIO(newline="")
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    csv.writer(text, delimiter=mark, lineterminator=end, quoting=quoting).writerows([NAMES, *made])
    body = text.getvalue().encode()
    chunk, block_bytes = rng.choice([1000, 1 << 16]), rng.choice([1 << 15, 1 << 18, 4 << 20])

    expected = _valued([list(column) for column in zip(*made, strict=True)])
    assert expected == _valued(_csv_module(body, mark))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv"
        path.write_bytes(body)
        assert expected == _valued(_duckdb(path, mark))
    assert expected == _ours(body, chunk, block_bytes)
    return Compared(rows, rows * len(COLUMNS), len(body))
