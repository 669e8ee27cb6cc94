"""
How many fields each record of a block has, after the grammar of RFC 4180 that the cutter reads by.

Strategy. Without a quote it is delimiters and one. With quotes, most records are *regular*: every
odd quote stands at the start of a field and every even one at its end, or the two are a doubled
quote; then the delimiters between an odd and an even quote are text. What is left is a quote within
an unquoted field, an ordinary byte, or text behind a closing quote, which is no record at all:
a pattern tells the two apart.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from cdr_engine.columns.frame import cut_out

if TYPE_CHECKING:
    from cdr_engine.columns.frame import Frame

__all__ = ["MALFORMED", "field_counts"]

LF, CR, QUOTE = 0x0A, 0x0D, 0x22

MALFORMED = 0
"""Stands for the number of fields of what is no record."""


def field_counts(payload: bytes, records: Frame, delimiter: bytes, expected: int) -> Any:
    """
    Count the fields of every record; `MALFORMED` where its quotes are wrong.

    A count that is not the expected one may be off, and nobody looks at the quotes of a record that
    has too few delimiters anyhow.
    """
    values = np.frombuffer(payload, np.uint8)
    marks = np.flatnonzero(values == delimiter[0])
    behind = np.searchsorted(marks, records.ends)
    before = np.concatenate(([0], behind[:-1]))  # blank lines hold none
    counts = behind - before + 1
    has_enough = counts >= expected
    if b'"' not in payload or not has_enough.any():
        return counts
    quotes = np.flatnonzero(values == QUOTE)
    owner = np.searchsorted(records.ends, quotes, side="right")
    is_first = np.ones(quotes.size, bool)
    is_first[1:] = owner[1:] != owner[:-1]
    firsts = np.flatnonzero(is_first)
    holders = owner[firsts]
    sizes = np.diff(np.append(firsts, quotes.size))
    is_odd = (np.arange(quotes.size) - np.repeat(firsts, sizes)) % 2 == 1
    previous, following = _around(values, quotes, records, owner)
    opens = (previous == delimiter[0]) | (previous == LF)
    closes = (following == delimiter[0]) | (following == LF) | (following == CR)
    is_regular = np.where(is_odd, closes | (following == QUOTE), opens | (previous == QUOTE))
    regular = np.logical_and.reduceat(is_regular, firsts) & (sizes % 2 == 0)
    is_in_regular = np.repeat(regular, sizes)
    odd, even = quotes[is_in_regular & ~is_odd], quotes[is_in_regular & is_odd]
    inside = np.searchsorted(marks, even) - np.searchsorted(marks, odd)
    counts -= np.bincount(owner[is_in_regular & is_odd], inside, counts.size).astype(np.int64)
    is_quoted = np.logical_or.reduceat(opens, firsts)
    unclear = holders[~regular & is_quoted & has_enough[holders]]
    if unclear.size:
        counts[unclear] = _looked_at(
            payload, records, unclear, delimiter, counts[unclear], expected
        )
    return counts


def _around(values: Any, quotes: Any, records: Frame, owner: Any) -> tuple[Any, Any]:
    """Bytes before and behind each quote; a line end where its record or the payload ends."""
    previous = values[np.maximum(quotes - 1, 0)]
    previous[quotes == records.starts[owner]] = LF
    following = values[np.minimum(quotes + 1, values.size - 1)]
    following[quotes + 1 == values.size] = LF
    return previous, following


def _looked_at(
    payload: bytes, records: Frame, unclear: Any, delimiter: bytes, counts: Any, expected: int
) -> Any:
    """Field counts of records that have quoted fields and other quotes as well."""
    texts = cut_out(payload, records.starts[unclear], records.ends[unclear])
    mark = re.escape(delimiter.decode())
    field = rf'(?:"(?:[^"]|"")*"|[^"{mark}\r\n][^{mark}\r\n]*)?'
    pattern = rf"(?s)\A{field}(?:{mark}{field})*(?:\r\n|\n|\r)?\z"
    is_formed = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    counts = np.where(is_formed, counts, MALFORMED)
    for at in np.flatnonzero(counts >= expected).tolist():
        text = texts[at].as_py().decode("latin-1")
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter.decode())
        counts[at] = len(next(lines))
    return counts
