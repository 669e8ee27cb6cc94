"""
Where the records of a block are, and which of them cannot be decoded.

Arrow's reader says neither: it drops blank lines without a word, fails a whole block for one cell
or one byte that is not UTF-8, and numbers rows only. So whenever a block is not plainly clean, its
records are laid out here, by position, before Arrow sees it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Frame", "cut_out", "frame", "has_hexadecimal", "is_plain", "undecodable", "without"]

LF, CR = 0x0A, 0x0D


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
    ends = _line_ends(payload, values)
    if wrapped:
        ends = ends[~_inside(ends, wrapped)]
    if not ends.size or ends[-1] != values.size:
        ends = np.append(ends, values.size)
    starts = np.concatenate(([0], ends[:-1]))
    length = ends - starts
    short = np.flatnonzero(length <= 2)
    first, second = values[starts[short]], values[ends[short] - 1]
    is_blank = (first == LF) | (first == CR)
    is_blank &= (length[short] == 1) | (second == LF)
    blank = short[is_blank]
    if not blank.size:
        return Frame(starts, ends, 0)
    return Frame(np.delete(starts, blank), np.delete(ends, blank), int(length[blank].sum()))


def _line_ends(payload: bytes, values: Any) -> Any:
    """Positions behind the line ends; a CR in front of an LF is half a line end."""
    if b"\r" not in payload:
        return np.flatnonzero(values == LF) + 1
    breaks = np.flatnonzero((values == LF) | (values == CR))
    follows = np.minimum(breaks + 1, values.size - 1)
    halves = (values[breaks] == CR) & (values[follows] == LF) & (breaks + 1 < values.size)
    return breaks[~halves] + 1


def _inside(ends: Any, wrapped: Sequence[tuple[int, int]]) -> Any:
    """Mask of the line ends that lie within a wrapped record."""
    bounds = np.array(wrapped)
    steps = np.zeros(ends.size + 1, np.int64)
    np.add.at(steps, np.searchsorted(ends, bounds[:, 0], side="right"), 1)
    np.add.at(steps, np.searchsorted(ends, bounds[:, 1], side="left"), -1)
    return steps.cumsum()[:-1] > 0


def cut_out(payload: bytes, starts: Any, ends: Any) -> Any:
    """Pieces of a payload, ascending, as an Arrow array of bytes; what it costs goes by them."""
    bounds = np.empty(2 * starts.size, np.int32)
    bounds[0::2], bounds[1::2] = starts, ends
    if not bounds.size:
        return pa.array([], pa.binary())
    if starts.size > 1 and bounds[0] == 0 and (bounds[1:-1:2] == bounds[2::2]).all():
        bounds = np.append(bounds[0::2], bounds[-1])
        return _bytes_between(payload, bounds)
    return _bytes_between(payload, bounds).take(pa.array(np.arange(0, bounds.size, 2)))


def _bytes_between(payload: bytes, bounds: Any) -> Any:
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(payload)]
    return pa.Array.from_buffers(pa.binary(), bounds.size - 1, buffers)


def without(payload: bytes, records: Frame, is_bad: Any) -> bytes:
    """Payload of the records that are not bad; blank lines are gone as well."""
    starts, ends = records.starts[~is_bad], records.ends[~is_bad]
    if not starts.size:
        return b""
    breaks = np.flatnonzero(starts[1:] != ends[:-1])
    firsts = [int(starts[0]), *starts[breaks + 1].tolist()]
    lasts = [*ends[breaks].tolist(), int(ends[-1])]
    view = memoryview(payload)
    return b"".join([view[start:end] for start, end in zip(firsts, lasts, strict=True)])


def undecodable(payload: bytes, records: Frame) -> Any:
    """
    Numbers of the records that are not UTF-8, ascending.

    After table 3-7 of the Unicode standard: a first byte tells how many others continue it, and
    some allow less than all others behind them.
    """
    if not payload or _is_utf8(payload):
        return np.zeros(0, np.int64)
    padded = np.frombuffer(payload + bytes(3), np.uint8)
    at = np.flatnonzero(padded >= 0x80)
    first = padded[at]
    lengths = _LENGTHS[first]
    second = padded[at + 1]
    fits = (second >= _LEAST_SECOND[first]) & (second <= _LAST_SECOND[first])
    fits |= lengths < 2
    for ahead in (2, 3):
        fits &= (lengths <= ahead) | (padded[at + ahead] & 0xC0 == 0x80)
    fits &= lengths > 0
    continued = np.zeros(padded.size, bool)
    for ahead in (1, 2, 3):
        continued[at[fits & (lengths > ahead)] + ahead] = True
    is_wrong = np.where(lengths == 1, ~continued[at], ~fits)
    return np.unique(np.searchsorted(records.ends, at[is_wrong], side="right"))


def _is_utf8(text: bytes) -> bool:
    bounds = np.array([0, len(text)], np.int32)
    array = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bounds), pa.py_buffer(text)])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _by_first_byte(values: dict[range, int]) -> Any:
    table = np.zeros(256, np.uint8)
    for firsts, value in values.items():
        table[firsts.start : firsts.stop] = value
    return table


_LENGTHS = _by_first_byte(
    {range(0x80, 0xC0): 1, range(0xC2, 0xE0): 2, range(0xE0, 0xF0): 3, range(0xF0, 0xF5): 4}
)
"""Bytes of a character by its first; 1 for a byte that continues one, 0 for none of both."""
_LEAST_SECOND = _by_first_byte(
    {range(0xC2, 0xF5): 0x80, range(0xE0, 0xE1): 0xA0, range(0xF0, 0xF1): 0x90}
)
_LAST_SECOND = _by_first_byte(
    {range(0xC2, 0xF5): 0xBF, range(0xED, 0xEE): 0x9F, range(0xF4, 0xF5): 0x8F}
)
