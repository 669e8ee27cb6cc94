"""Records of the report for Hypothesis: cells that fit their column, and ways to write them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from cdr_engine.schema import COLUMNS, HEADER, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BROKEN", "CELLS", "bodies", "body", "cell", "records", "spoilt_bodies", "written"]

TEXT = st.text(st.sampled_from("aZ09 ,\"'|;=+-_/é😀\u00a0\u202f\t"), max_size=12)
UII = st.integers(0, 10**16 - 1).map(lambda number: f"'20200425091225{number:016d}")
MINUTES = st.integers(15_778_080, 35_766_720)
"""Minutes since 1970 that are in the years 2000 to 2037."""
TIME = MINUTES.map(lambda minutes: datetime.fromtimestamp(60 * minutes, UTC)).map(
    lambda moment: (
        f"{moment.month}/{moment.day}/{moment:%y} {moment.hour % 12 or 12}:{moment:%M %p}"
    )
)

CELLS: dict[str, st.SearchStrategy[str]] = {
    "uii": UII,
    "text": TEXT,
    "int32": st.integers(-(2**31), 2**31 - 1).map(str),
    "int64": st.integers(-(2**63), 2**63 - 1).map(str),
    "instant": TIME,
    "flag": st.sampled_from(["Yes", "No", "yes", "N", "1", "0", "TRUE", "false"]),
}
"""Cells that fit their kind of column."""

BROKEN = st.sampled_from(
    ["", " ", "x", "0x10", "1.5", "99999999999999999999", "2/30/20 6:12 AM", "maybe", "\0", "'"]
)
"""Cells that fit few columns or none."""


def cell(kind: str) -> st.SearchStrategy[str]:
    """Return a cell of one kind, now and then empty or padded."""
    fitting = CELLS[kind]
    if kind == "uii":
        return fitting
    return st.one_of(fitting, fitting, st.just(""), fitting.map(lambda text: f"  {text} "))


records: st.SearchStrategy[tuple[str, ...]] = st.tuples(*(cell(c.kind) for c in COLUMNS))
"""The 34 cells of one call."""


def written(rows: Sequence[Sequence[str]], *, end: str, quoting: int, mark: str = ",") -> bytes:
    """Write rows as the csv module does."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting, delimiter=mark).writerows(rows)
    return text.getvalue().encode()


def body(rows: Sequence[Sequence[str]], *, end: str = "\n", quoting: int = 0) -> bytes:
    """Write a report: the header line, then the rows."""
    return HEADER.encode() + end.encode() + written(rows, end=end, quoting=quoting)


bodies: st.SearchStrategy[bytes] = st.builds(
    lambda rows, end, quoting: body(rows, end=end, quoting=quoting),
    st.lists(records, max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
"""Valid reports."""


def _with_broken(row: tuple[str, ...], column: int, text: str) -> tuple[str, ...]:
    return (*row[:column], text, *row[column + 1 :])


LINES: st.SearchStrategy[bytes] = st.one_of(
    records.map(lambda row: written([row], end="\n", quoting=csv.QUOTE_MINIMAL)),
    st.builds(_with_broken, records, st.integers(0, len(NAMES) - 1), BROKEN).map(
        lambda row: written([row], end="\r\n", quoting=csv.QUOTE_MINIMAL)
    ),
    st.sampled_from([b"\n", b"\r", b'"', b",", b"\xef\xbb\xbf", b"\xff", HEADER.encode() + b"\n"]),
    st.binary(max_size=8),
)

spoilt_bodies: st.SearchStrategy[bytes] = st.lists(LINES, max_size=8).map(
    lambda lines: HEADER.encode() + b"\n" + b"".join(lines)
)
"""Reports with anything between their lines."""
