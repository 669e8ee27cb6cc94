"""Which records of a block cannot be decoded, and the block without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdr_engine.columns.fields import MALFORMED, field_counts
from cdr_engine.columns.frame import Frame, frame, undecodable, without

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FAULTS", "FOREIGN", "NO_UII", "UNTERMINATED", "Mended", "mended"]

FAULTS = (
    "",
    "another table",
    "unbalanced quote",
    "not UTF-8",
    "wrong field count",
    "no uii",
    "unterminated",
)
"""Why a record is set aside, by its code; 0 is a record that is not."""
FOREIGN, MISQUOTED, UNDECODABLE, MISCOUNTED, NO_UII, UNTERMINATED = range(1, len(FAULTS))


class Mended(NamedTuple):
    """A block whose records have been looked at one by one."""

    payload: bytes
    """Records that Arrow can read; blank lines are gone as well."""
    records: Frame
    """Every record of the block, where it was."""
    faults: Any
    """Of every record, as a code of `FAULTS`."""


def mended(
    payload: bytes,
    wrapped: Sequence[tuple[int, int]],
    foreign: Sequence[tuple[int, int]],
    delimiter: bytes,
    expected: int,
) -> Mended:
    """
    Take out of a payload what Arrow cannot read.

    Parameters
    ----------
    wrapped, foreign
        Records with line breaks inside quotes, and spans that belong to another table.
    expected
        Number of fields of a record.
    """
    records = frame(payload, wrapped)
    faults = np.zeros(records.starts.size, np.int8)
    counts = field_counts(payload, records, delimiter, expected)
    faults[counts != expected] = MISCOUNTED
    if not payload.isascii():
        faults[undecodable(payload, records)] = UNDECODABLE
    faults[counts == MALFORMED] = MISQUOTED
    for start, end in foreign:
        first, last = np.searchsorted(records.starts, (start, end))
        faults[first:last] = FOREIGN
    is_bad = faults != 0
    is_whole = not records.blank_bytes and not is_bad.any()
    return Mended(payload if is_whole else without(payload, records, is_bad), records, faults)
