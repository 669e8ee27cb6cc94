"""
Values out of cells, worked out on the distinct ones.

Each function takes the column as Arrow read it and gives the typed column, with the distinct texts
that do not fit marked, so that their rows can be found. An empty cell, or one of spaces only, is
NULL; any other cell without a value, one of tabs only say, is a misfit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdr_engine.columns.arrow import INSTANT

if TYPE_CHECKING:
    from cdr_engine.columns.clock import Clock

__all__ = [
    "Typed",
    "flag",
    "has_odd_numbers",
    "instant",
    "repeating_text",
    "text",
    "uii",
    "whole_number",
]

SPACE = " "
APOSTROPHE = "'"
BLANKS = " \t"
"""What may stand around a number, as Arrow's own reader of numbers has it."""
WHOLE_NUMBER = r"\A-?[0-9]+\z"
PLAIN_NUMBER = {pa.int32(): r"\A-?[0-9]{1,9}\z", pa.int64(): r"\A-?[0-9]{1,18}\z"}
"""By type, what is a number of it without another look."""
SAFE_DIGITS = pa.scalar(19)
"""Digits of a number that certainly has no more than 64 bits."""
BOUNDS = {
    kind: (pa.scalar(1 << bits, pa.uint64()), pa.scalar((1 << bits) - 1, pa.uint64()))
    for kind, bits in ((pa.int32(), 31), (pa.int64(), 63))
}
"""By type, the sizes of its lowest and of its highest number."""
FLAGS = {
    "yes": True,
    "y": True,
    "1": True,
    "true": True,
    "no": False,
    "n": False,
    "0": False,
    "false": False,
}


class Typed(NamedTuple):
    """A typed column, and the rows whose cells did not fit."""

    array: Any
    misfits: Any = None
    """Row numbers within the block, ascending; None where every cell fits."""
    words: Any = None
    """The column as text, to look the misfits' cells up in."""
    ambiguous: int = 0
    missing: int = 0


def repeating_text(words: Any) -> Any:
    """Text as a dictionary: surrounding spaces removed, equal texts one entry."""
    distinct = words.dictionary
    trimmed = pc.utf8_trim(distinct, SPACE)
    if trimmed.equals(distinct):
        return words
    encoded = pc.dictionary_encode(pc.if_else(pc.equal(trimmed, ""), None, trimmed))
    indices = encoded.indices.take(words.indices)
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary)


def text(cells: Any) -> Any:
    """Text held plain: surrounding spaces removed where there are any at all."""
    values = cells.buffers()[2]
    if values is None or not values.size:
        return cells
    # The lowest byte tells in one sweep that no cell holds a space.
    if np.frombuffer(values, np.uint8).min() > ord(SPACE):
        return cells
    trimmed = pc.utf8_trim(cells, SPACE)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def uii(cells: Any) -> Any:
    """Text without the one apostrophe that keeps spreadsheets from rounding it."""
    trimmed = text(cells)
    if not trimmed.null_count and len(trimmed):
        bare = _guarded_alike(trimmed)
        if bare is not None:
            return bare
    guarded = pc.starts_with(trimmed, APOSTROPHE)
    bare = pc.if_else(guarded, pc.utf8_slice_codeunits(trimmed, 1), trimmed)
    return pc.if_else(pc.equal(bare, ""), None, bare)


def _guarded_alike(cells: Any) -> Any | None:
    """All but the first byte of cells that have one length and all begin with an apostrophe."""
    _, offsets, values = cells.buffers()
    starts = np.frombuffer(offsets, np.int32, len(cells) + 1, cells.offset * 4)
    length = int(starts[1] - starts[0])
    if length < 2 or not (np.diff(starts) == length).all():
        return None
    rows = np.frombuffer(values, np.uint8, len(cells) * length, starts[0])
    rows = rows.reshape(len(cells), length)
    if not (rows[:, 0] == ord(APOSTROPHE)).all():
        return None
    bare = np.ascontiguousarray(rows[:, 1:])
    bounds = np.arange(len(cells) + 1, dtype=np.int32) * np.int32(length - 1)
    return pa.StringArray.from_buffers(len(cells), pa.py_buffer(bounds), pa.py_buffer(bare))


def whole_number(words: Any, kind: Any) -> Typed:
    """Decimal integers of an Arrow type; anything else, or out of its range, is a misfit."""
    if not has_odd_numbers(words, kind):
        return _typed(words, words.dictionary.cast(kind))
    low, high = BOUNDS[kind]
    texts = pc.utf8_trim(words.dictionary, BLANKS)
    is_negative = pc.starts_with(texts, "-")
    digits = pc.utf8_ltrim(pc.if_else(is_negative, pc.utf8_slice_codeunits(texts, 1), texts), "0")
    is_whole = pc.match_substring_regex(texts, WHOLE_NUMBER)
    is_short = pc.less_equal(pc.binary_length(digits), SAFE_DIGITS)
    size = pc.if_else(pc.and_(is_whole, is_short), pc.utf8_lpad(digits, 1, "0"), None)
    size = size.cast(pa.uint64())
    limit = pc.if_else(is_negative, low, high)
    size = pc.if_else(pc.less_equal(size, limit), size, None).view(pa.int64())
    # The lowest number of all is its own negative: both wrap around.
    numbers = pc.if_else(is_negative, pc.negate(size), size)
    return _typed(words, numbers.cast(kind))


def has_odd_numbers(words: Any, kind: Any) -> bool:
    """Tell whether some texts of a column need a closer look before they are numbers."""
    plain = pc.match_substring_regex(words.dictionary, PLAIN_NUMBER[kind])
    return pc.all(plain).as_py() is False


def flag(words: Any) -> Typed:
    """Yes or no, by the words of `FLAGS` in any case."""
    known = [FLAGS.get((word or "").strip(SPACE).lower()) for word in words.dictionary.to_pylist()]
    return _typed(words, pa.array(known, pa.bool_()))


def instant(words: Any, clock: Clock) -> Typed:
    """Local times of the clock's zone as instants."""
    read = clock.instants((word or "").strip(SPACE) for word in words.dictionary.to_pylist())
    typed = _typed(words, pa.array(read.values, pa.int64()).view(INSTANT))
    if not (read.ambiguous or read.missing):
        return typed
    return typed._replace(
        ambiguous=_rows_of(words, read.ambiguous).size,
        missing=_rows_of(words, read.missing).size,
    )


def _typed(words: Any, values: Any) -> Typed:
    """Spread values of the distinct texts over the rows; a text without a value is a misfit."""
    array = values.take(words.indices)
    if not values.null_count:
        return Typed(array)
    unfit = pc.and_(
        pc.is_null(values), pc.not_equal(pc.utf8_trim(words.dictionary, SPACE), "")
    ).to_numpy(zero_copy_only=False)
    misfits = _rows_of(words, np.flatnonzero(unfit))
    return Typed(array, misfits, words) if misfits.size else Typed(array)


def _rows_of(words: Any, entries: Any) -> Any:
    """Rows, ascending, whose text is one of these entries of the dictionary."""
    indices = words.indices.fill_null(-1).to_numpy()
    return np.flatnonzero(np.isin(indices, entries))
