"""
Where the records of a block are, and which of them cannot be decoded.

Arrow's reader says neither: it drops blank lines without a word, fails a whole block for one cell
or one byte that is not UTF-8, and numbers rows only. So whenever a block is not plainly clean, its
records are laid out here, by position, before Arrow sees it again.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Frame", "frame", "has_hexadecimal", "is_plain", "undecodable", "wrong_field_counts"]

LF, CR, QUOTE = 0x0A, 0x0D, 0x22


class Frame(NamedTuple):
    """The records of a payload, blank lines left out."""

    starts: Any
    ends: Any
    """Behind the line end."""
    blank_bytes: int


def is_plain(payload: bytes) -> tuple[int, bool]:
    """
    Count the lines of a payload, and tell whether that is all there is to know.

    It is not if a CR stands alone, or if there are blank lines only: `frame` knows them.
    """
    if payload and _is_blank(payload):
        return 0, False
    values = np.frombuffer(payload, np.uint8)
    lines = int(np.count_nonzero(values == LF))
    if payload and values[-1] != LF:
        lines += 1
    if b"\r" not in payload:
        return lines, True
    returns = np.flatnonzero(values == CR) + 1
    if returns[-1] == values.size:
        return lines, False
    return lines, bool((values[returns] == LF).all())


def _is_blank(payload: bytes) -> bool:
    """Tell whether there are line ends only; the first byte settles it without a copy."""
    return payload[:1] in (b"", b"\n", b"\r") and not payload.strip(b"\r\n")


def has_hexadecimal(payload: bytes) -> bool:
    """
    Tell whether a cell may begin with 0x, which Arrow reads as a number.

    One sweep for either letter, and only where it occurs at all; then a look at what stands before.
    """
    return any(
        letter in payload and _begins_cell(payload, b"0" + letter) for letter in (b"x", b"X")
    )


def _begins_cell(payload: bytes, prefix: bytes) -> bool:
    values = np.frombuffer(payload, np.uint8)
    pair = np.frombuffer(prefix, np.uint16)[0]
    for first in (0, 1):
        whole = values[first : values.size - (values.size - first) % 2].view(np.uint16)
        for at in (np.flatnonzero(whole == pair) * 2 + first).tolist():
            before = payload[at - 1 : at]
            if not before.isalnum():
                return True
    return False


def frame(payload: bytes, wrapped: Sequence[tuple[int, int]]) -> Frame:
    """Lay out the records; `wrapped` are those that hold line breaks inside quotes."""
    if _is_blank(payload):
        return Frame(np.zeros(0, np.int64), np.zeros(0, np.int64), len(payload))
    values = np.frombuffer(payload, np.uint8)
    breaks = np.flatnonzero((values == LF) | (values == CR))
    # A CR in front of an LF is half a line end.
    follows = np.minimum(breaks + 1, values.size - 1)
    halves = (values[breaks] == CR) & (values[follows] == LF) & (breaks + 1 < values.size)
    ends = breaks[~halves] + 1
    if wrapped:
        ends = ends[~_inside(ends, wrapped)]
    if values.size and (not ends.size or ends[-1] != values.size):
        ends = np.append(ends, values.size)
    starts = np.concatenate(([0], ends[:-1])) if ends.size else ends
    first, second = values[starts], values[np.minimum(starts + 1, values.size - 1)]
    length = ends - starts
    is_blank = ((length == 1) & ((first == LF) | (first == CR))) | (
        (length == 2) & (first == CR) & (second == LF)
    )
    blank = int(length[is_blank].sum())
    return Frame(starts[~is_blank], ends[~is_blank], blank)


def _inside(ends: Any, wrapped: Sequence[tuple[int, int]]) -> Any:
    """Mask of the line ends that lie within a wrapped record."""
    bounds = np.array(wrapped)
    steps = np.zeros(ends.size + 1, np.int64)
    np.add.at(steps, np.searchsorted(ends, bounds[:, 0], side="right"), 1)
    np.add.at(steps, np.searchsorted(ends, bounds[:, 1], side="left"), -1)
    return steps.cumsum()[:-1] > 0


def undecodable(payload: bytes, records: Frame) -> Any:
    """Numbers of the records that are not UTF-8, ascending."""
    if _is_utf8(payload):
        return np.zeros(0, np.int64)
    beyond_ascii = np.flatnonzero(np.frombuffer(payload, np.uint8) >= 0x80)
    suspects = np.unique(np.searchsorted(records.ends, beyond_ascii, side="right"))
    found = [
        record
        for record in suspects.tolist()
        if not _is_utf8(payload[records.starts[record] : records.ends[record]])
    ]
    return np.array(found, np.int64)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def wrong_field_counts(payload: bytes, records: Frame, delimiter: bytes, expected: int) -> Any:
    """Numbers of the records that do not have the expected number of fields, ascending."""
    values = np.frombuffer(payload, np.uint8)
    marks = np.flatnonzero(values == delimiter[0])
    fields = np.searchsorted(marks, records.ends) - np.searchsorted(marks, records.starts) + 1
    quotes = np.flatnonzero(values == QUOTE)
    quoted = np.unique(np.searchsorted(records.ends, quotes, side="right"))
    for record in quoted.tolist():
        text = payload[records.starts[record] : records.ends[record]].decode("latin-1")
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter.decode())
        fields[record] = len(next(lines))
    return np.flatnonzero(fields != expected)
