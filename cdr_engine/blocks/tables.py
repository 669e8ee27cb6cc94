"""Headers further down a body: repeated ones are headers, other ones begin another table."""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

from cdr_engine.blocks.block import Kept
from cdr_engine.blocks.dialect import BOM, LINE_END
from cdr_engine.blocks.header import KEY_COLUMN, Header, is_complete, is_header, names_of
from cdr_engine.blocks.lines import Span, extend, last_line_end
from cdr_engine.schema import NAMES

if TYPE_CHECKING:
    from cdr_engine.blocks.block import SetAside

__all__ = ["TableFilter"]

Verdict = Literal["own header", "other header", "record"]

KEY = re.compile(KEY_COLUMN.encode())
"""What no header is without; for so short a text a pattern is twice as fast as `find`."""

WORDLESS = 6
"""
Longest header without an underscore: half of it are columns, and three of those have none.

One of another length stands over records of another length, which are rejects anyhow.
"""


class TableFilter:
    """
    Tell the records that stand under the body's own header from those of another table.

    A repeated header is counted as header. A header of other columns, or of the same ones in
    another order, begins another table: it and all below it is foreign, until the own header comes
    again. Such a header has as many fields as the own one, or names every column of the report: a
    line that is only like one is a repeated header with damage, and costs no more than itself.
    """

    def __init__(self, header: Header, aside: SetAside) -> None:
        self._header = header
        self._has_words = len(header.names) > WORDLESS
        self._aside = aside
        self._is_other = False
        self._own_lines: re.Pattern[bytes] | None = None
        self._other_line = b""
        self._least_marks = min(len(header.names), len(NAMES)) - 1
        least = self._least_marks + len(KEY_COLUMN) * -(-(self._least_marks + 1) // 2)
        self._short_lines = re.compile(rb"(?>[^\r\n]{0,%d}+(?:\r\n|\n|\r))*+" % (least - 1))

    def concerns(self, buffer: bytes, start: int, end: int) -> bool:
        """Tell whether `keep` has anything to do; a search for one byte settles it mostly."""
        return self._is_other or self._may_hold_header(buffer, start, end)

    def keep(self, buffer: bytes, kept: Kept) -> Kept:
        """What is kept of a buffer without repeated headers, and which of it is foreign."""
        own: list[Span] = []
        foreign: list[Span] = []
        for start, end in kept.spans:
            at = start
            while at < end:
                line = self._next_suspect(buffer, at, end, kept.wrapped)
                self._pass(own, foreign, at, line)
                at = line
                if at < end:
                    at = self._past(buffer, at, end, own, foreign)
        wrapped = [record for record in kept.wrapped if _around(own, record[0]) is not None]
        return kept._replace(spans=own, wrapped=wrapped, foreign=foreign)

    def _pass(self, own: list[Span], foreign: list[Span], start: int, end: int) -> None:
        extend(own, start, end)
        if self._is_other:
            extend(foreign, start, end)

    def _past(self, buffer: bytes, at: int, end: int, own: list[Span], foreign: list[Span]) -> int:
        """Judge the line at `at`, and the own header's repetitions all at once; gives their end."""
        run = None if self._own_lines is None else self._own_lines.match(buffer, at, end)
        if run is not None and run.end() > at:
            stop = run.end()
            verdict: Verdict = "own header"
        else:
            found = LINE_END.search(buffer, at, end)
            stop = end if found is None else found.end()
            verdict = self._verdict(buffer[at:stop].rstrip(b"\r\n"))
        if verdict == "own header":
            self._is_other = False
            self._aside.header_bytes += stop - at
        else:
            self._is_other |= verdict == "other header"
            self._pass(own, foreign, at, stop)
        return stop

    def _verdict(self, line: bytes) -> Verdict:
        """What a line is, given without its end."""
        dialect = self._header.dialect
        text = line.removeprefix(BOM)
        if text and text == self._other_line:
            return "other header"
        if text.count(dialect.delimiter) < self._least_marks or not self._may_hold_header(
            text, 0, len(text)
        ):
            return "record"
        if dialect.fields.fullmatch(text) is None:
            return "record"
        names = names_of(dialect.cells(text))
        if names == self._header.names:
            repeated = rb"(?>%b(?:\r\n|\n|\r))*+" % re.escape(text)
            self._own_lines = re.compile(repeated)
            return "own header"
        is_as_wide = len(names) == len(self._header.names)
        if is_header(names) and (is_as_wide or is_complete(names)):
            self._other_line = text
            return "other header"
        return "record"

    def _may_hold_header(self, buffer: bytes, start: int, end: int) -> bool:
        if self._has_words and buffer.find(b"_", start, end) < 0:
            return False
        return KEY.search(buffer, start, end) is not None

    def _next_suspect(self, buffer: bytes, at: int, end: int, wrapped: list[Span]) -> int:
        """Start of the next line that may be a header, or `end`; never inside a wrapped record."""
        if not self._may_hold_header(buffer, at, end):
            return end
        hit = KEY.search(buffer, at, end)
        while hit is not None:
            over = _around(wrapped, hit.start())
            if over is None:
                before = bisect_right(wrapped, hit.start(), key=itemgetter(0))
                behind = wrapped[before - 1][1] if before else at
                line = max(at, last_line_end(buffer, at, hit.start()), behind)
                short = self._short_lines.match(buffer, line, end)
                if short is None or short.end() == line:
                    return line
                at = short.end()
                hit = KEY.search(buffer, at, end)
            else:
                hit = KEY.search(buffer, over[1], end)
        return end


def _around(spans: list[Span], position: int) -> Span | None:
    """Return the span, of ascending ones, that holds a position."""
    at = bisect_right(spans, position, key=itemgetter(0)) - 1
    return spans[at] if at >= 0 and position < spans[at][1] else None
