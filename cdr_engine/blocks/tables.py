"""Headers further down a body: repeated ones are headers, other ones begin another table."""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

from cdr_engine.blocks.dialect import BOM, LINE_END
from cdr_engine.blocks.header import KEY_COLUMN, Header, is_header, names_of
from cdr_engine.blocks.lines import Span, extend, last_line_end

if TYPE_CHECKING:
    from cdr_engine.blocks.block import SetAside

__all__ = ["TableFilter"]

KEY = re.compile(KEY_COLUMN.encode())
"""What no header is without; for so short a text a pattern is twice as fast as `find`."""

WORDLESS = 6
"""
Longest header without an underscore: half of it are columns, and three of those have none.

One of another length stands over records of another length, which are rejects anyhow.
"""


class TableFilter:
    """
    Keep the records that stand under the body's own header.

    A repeated header is counted as header. A header of other columns, or of the same ones in
    another order, begins another table: it and all below it are rejects, until the own header
    comes again.
    """

    def __init__(self, header: Header, aside: SetAside) -> None:
        self._header = header
        self._has_words = len(header.names) > WORDLESS
        self._aside = aside
        self._is_other = False
        self._own_line = b""

    def concerns(self, buffer: bytes, start: int, end: int) -> bool:
        """Tell whether `keep` has anything to do; a search for one byte settles it mostly."""
        return self._is_other or self._may_hold_header(buffer, start, end)

    def keep(
        self, buffer: bytes, origin: int, spans: list[Span], wrapped: list[Span]
    ) -> tuple[list[Span], list[Span]]:
        """Spans and wrapped records without what is set aside; `origin` is the buffer's offset."""
        inside = dict(wrapped)
        kept: list[Span] = []
        for start, end in spans:
            at = start
            while at < end:
                if not self._is_other:
                    line = self._next_suspect(buffer, at, end, wrapped)
                    extend(kept, at, line)
                    at = line
                    if at == end:
                        break
                stop = inside.get(at)
                if stop is not None:
                    self._aside.reject(buffer, origin, (at, stop), "another table")
                else:
                    found = LINE_END.search(buffer, at, end)
                    stop = end if found is None else found.end()
                    if self._is_own(buffer, origin, (at, stop)):
                        extend(kept, at, stop)
                at = stop
        return kept, [record for record in wrapped if _around(kept, record[0]) is not None]

    def _may_hold_header(self, buffer: bytes, start: int, end: int) -> bool:
        if self._has_words and buffer.find(b"_", start, end) < 0:
            return False
        return KEY.search(buffer, start, end) is not None

    def _next_suspect(self, buffer: bytes, at: int, end: int, wrapped: list[Span]) -> int:
        """Start of the next line that may be a header, or `end`; never inside a wrapped record."""
        hit = KEY.search(buffer, at, end)
        while hit is not None:
            over = _around(wrapped, hit.start())
            if over is None:
                before = bisect_right(wrapped, hit.start(), key=itemgetter(0))
                behind = wrapped[before - 1][1] if before else at
                return max(at, last_line_end(buffer, at, hit.start()), behind)
            hit = KEY.search(buffer, over[1], end)
        return end

    def _is_own(self, buffer: bytes, origin: int, line: Span) -> bool:
        """Judge one line; what is not kept is counted or rejected here."""
        text = buffer[slice(*line)].rstrip(b"\r\n").removeprefix(BOM)
        is_known = text != b"" and text == self._own_line
        may_be = not is_known and self._may_hold_header(text, 0, len(text))
        names = names_of(self._header.dialect.cells(text)) if may_be else ()
        if is_known or names == self._header.names:
            self._own_line = text
            self._aside.header_bytes += line[1] - line[0]
            self._is_other = False
            return False
        if not self._is_other and not is_header(names):
            return True
        self._is_other = True
        if text:
            self._aside.reject(buffer, origin, line, "another table")
        else:
            self._aside.blank_bytes += line[1] - line[0]
        return False


def _around(spans: list[Span], position: int) -> Span | None:
    """Return the span, of ascending ones, that holds a position."""
    at = bisect_right(spans, position, key=itemgetter(0)) - 1
    return spans[at] if at >= 0 and position < spans[at][1] else None
