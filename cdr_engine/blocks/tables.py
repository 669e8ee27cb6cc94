"""Headers further down a body: repeated ones are headers, other ones begin another table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdr_engine.blocks.dialect import BOM, LINE_END
from cdr_engine.blocks.header import Header, is_header, names_of
from cdr_engine.blocks.lines import Span, extend, last_line_end

if TYPE_CHECKING:
    from cdr_engine.blocks.block import SetAside

__all__ = ["TableFilter"]


class TableFilter:
    """
    Keep the records that stand under the body's own header.

    A repeated header is counted as header. A header of other columns, or of the same ones in
    another order, begins another table: it and all below it are rejects, until the own header
    comes again.
    """

    def __init__(self, header: Header, aside: SetAside) -> None:
        self._header = header
        self._probe = header.probe
        self._rare = b"_" if b"_" in self._probe else self._probe
        self._aside = aside
        self._is_other = False

    def concerns(self, buffer: bytes, start: int, end: int) -> bool:
        """Tell whether `keep` has anything to do; a search for one byte settles it mostly."""
        if not self._is_other and buffer.find(self._rare, start, end) < 0:
            return False
        return self._is_other or buffer.find(self._probe, start, end) >= 0

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
        return kept, [record for record in wrapped if any(a <= record[0] < b for a, b in kept)]

    def _next_suspect(self, buffer: bytes, at: int, end: int, wrapped: list[Span]) -> int:
        """Start of the next line that may be a header, or `end`; never inside a wrapped record."""
        hit = buffer.find(self._probe, at, end)
        while hit >= 0:
            over = next((stop for start, stop in wrapped if start <= hit < stop), None)
            if over is None:
                return max(at, last_line_end(buffer, at, hit), *self._ends_before(wrapped, hit))
            hit = buffer.find(self._probe, over, end)
        return end

    @staticmethod
    def _ends_before(wrapped: list[Span], hit: int) -> list[int]:
        return [stop for _, stop in wrapped if stop <= hit]

    def _is_own(self, buffer: bytes, origin: int, line: Span) -> bool:
        """Judge one line; what is not kept is counted or rejected here."""
        text = buffer[slice(*line)].rstrip(b"\r\n").removeprefix(BOM)
        names = names_of(self._header.dialect.cells(text)) if self._probe in text else ()
        if names == self._header.names:
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
