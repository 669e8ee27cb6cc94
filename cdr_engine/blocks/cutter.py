"""
Chunks in, blocks of whole records out: the incremental half of reading CSV.

Strategy. Bytes are held until a block's worth is there, then cut once:

- A window without a quote byte, the report's normal case, is cut behind its last line end. That is
  all the work there is: two searches at memory speed.
- A window with quotes is walked in runs of lines that are records of their own whatever their
  quotes, and record by record where a quoted field goes over a line end, with the patterns of
  `dialect`. Text behind a closing quote spoils its own line and no more: whoever decodes the block
  is told to look for it.
- A record that cannot be read (its quote runs on, it is longer than the limit) is a reject that
  starts at its first line. Behind an open quote, what follows belongs to the same reject until a
  line has the right shape: the header's number of fields.

What comes out depends on the bytes alone, never on how they were cut into chunks. Nothing is
searched twice: what is left of a window is at most one record, and after a window too short for its
first record the next one is twice as long. The most that is held is two windows, or twice the
record limit if that is more; a reject longer than `RAW_LIMIT` keeps its first bytes only.
"""

from __future__ import annotations

from cdr_engine.blocks.block import Block, Kept, SetAside, assemble
from cdr_engine.blocks.dialect import BOM, LINE_END, enough, misshapen
from cdr_engine.blocks.header import Header, header_of
from cdr_engine.blocks.lines import Span, extend, has_short_lines, last_line_end, safe_end
from cdr_engine.blocks.shape import end_of_line, has_all_fields, lone_quote, whole_end
from cdr_engine.blocks.tables import TableFilter
from cdr_engine.errors import HeaderError
from cdr_engine.ledger import RAW_LIMIT, Reject

__all__ = ["BLOCK_BYTES", "MAX_RECORD_BYTES", "BlockCutter"]

BLOCK_BYTES = 4 << 20
"""Bytes cut at a time: large enough that a call into Arrow costs nothing beside its work."""

MAX_RECORD_BYTES = 1 << 16
"""
Longest record, in bytes with its line end.

The warehouse behind the report limits a record's texts to about 6,000 characters, at most 24,000
bytes; a record of more than twice that is no record but a runaway quote or a lost line end.
"""

SHORT_LINE = 40
"""
Bytes of a line, line end included, below which a window is cut into `SHORT_PARTS`.

A decoder needs some hundred bytes for every record it cannot read, and no call is that short.
"""
SHORT_PARTS = 32

QUOTE, CR = 0x22, 0x0D

PREAMBLE_BYTES = 1 << 16
"""How far into a body its header line is looked for."""


class _Skip:
    """A reject under way: its end has not been seen yet."""

    def __init__(self, offset: int, reason: str, *, in_line: bool, to_shape: bool) -> None:
        self.offset = offset
        self.reason = reason
        self.in_line = in_line
        self.to_shape = to_shape
        self.length = 0
        self.raw = bytearray()

    def absorb(self, buffer: bytes, start: int, end: int) -> None:
        self.length += end - start
        self.raw += buffer[start : min(end, start + RAW_LIMIT - len(self.raw))]

    def reject(self) -> Reject:
        return Reject(self.offset, self.length, self.reason, bytes(self.raw))


class BlockCutter:
    """
    Cut a body that arrives in chunks into blocks of whole records.

    Push chunks with `feed`, say that there are no more with `finish`; both return the blocks that
    became complete. `header` is known once the first block is out.

    Parameters
    ----------
    delimiter
        One byte; recognised from the header line where it is not given.
    block_bytes
        Bytes of a block; a longer record makes a longer block.
    max_record_bytes
        A longer record is a reject.
    """

    def __init__(
        self,
        *,
        delimiter: bytes | None = None,
        block_bytes: int = BLOCK_BYTES,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.header: Header | None = None
        self.bytes_fed = 0
        self._delimiter = delimiter
        self._block_bytes = block_bytes
        self._limit = max_record_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._wanted = 1
        self._origin = 0
        self._skip: _Skip | None = None
        self._tables: TableFilter | None = None
        self._short_until = 0
        self._aside = SetAside()

    def feed(self, chunk: bytes) -> list[Block]:
        """
        Take the next bytes of the body, in a chunk of any size.

        Raises
        ------
        HeaderError
            If the first `PREAMBLE_BYTES` hold no header line of the report.
        """
        self._parts.append(chunk)
        self._held += len(chunk)
        self.bytes_fed += len(chunk)
        return self._advance(final=False) if self._held >= self._wanted else []

    def finish(self) -> list[Block]:
        """
        Cut what is left; the body is over.

        Raises
        ------
        HeaderError
            If there was no header line.
        """
        blocks = self._advance(final=True)
        if self._skip is not None:
            self._close_skip(self._skip)
        if self._aside:
            blocks.append(assemble(b"", self._origin, Kept([], []), self._aside))
        return blocks

    def _advance(self, *, final: bool) -> list[Block]:
        buffer = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        blocks: list[Block] = []
        at = 0
        while True:
            before = at, self._skip, self.header
            if self.header is None:
                at = self._find_header(buffer, at, final=final)
            elif self._skip is not None:
                at = self._pass_over(buffer, at, self._skip, self.header, final=final)
            else:
                at = self._cut(buffer, at, self.header, blocks, final=final)
            if (at, self._skip, self.header) == before:
                break
        rest = buffer[at:]
        self._parts = [rest]
        self._held = len(rest)
        self._origin += at
        starting = self.header is None
        least = 1 if starting else self._block_bytes
        self._wanted = least if len(rest) < least else max(least, 2 * len(rest))
        return blocks

    # The header line

    def _find_header(self, buffer: bytes, at: int, *, final: bool) -> int:
        size = len(buffer)
        if at == self._origin == 0 and buffer.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise HeaderError("the file is UTF-16; convert it to UTF-8 first")
        end = end_of_line(buffer, at, PREAMBLE_BYTES, final=final)
        if end is None and size - at > PREAMBLE_BYTES:
            raise HeaderError(f"no line end in the first {PREAMBLE_BYTES} bytes: not a report")
        if end is None or at == size:
            if final:
                raise HeaderError(self._no_header())
            return at
        line = buffer[at:end].rstrip(b"\r\n")
        self.header = header_of(line, self._delimiter)
        if self.header is not None:
            self._tables = TableFilter(self.header, self._aside)
            self._aside.header_bytes += end - at
        elif not line.removeprefix(BOM):
            self._aside.blank_bytes += end - at
        elif self._origin + end > PREAMBLE_BYTES:
            raise HeaderError(self._no_header())
        else:
            self._aside.reject(buffer, self._origin, (at, end), "before the header")
        return end

    def _no_header(self) -> str:
        if not self.bytes_fed:
            return "there are no bytes at all, not even a header line"
        return (
            "no header line of the report: none of the first lines names the column uii and "
            "mostly columns of the report"
        )

    # Cutting

    def _cut(
        self, buffer: bytes, at: int, header: Header, blocks: list[Block], *, final: bool
    ) -> int:
        size = len(buffer)
        if at == size or (size - at < self._block_bytes and not final):
            return at
        stop = self._narrowed(buffer, at, min(at + self._block_bytes, size))
        kept = Kept([], [])
        end = at
        if buffer.find(b'"', at, stop) < 0:
            end = size if final and stop == size else last_line_end(buffer, at, stop)
            kept = Kept([(at, end)], [])
        if end == at or safe_end(buffer, at, end, self._limit) != end:
            kept, end = self._walk(buffer, at, stop, header, final=final)
        if self._tables is not None and self._tables.concerns(buffer, at, end):
            kept = self._tables.keep(buffer, kept)
        if kept.spans or self._aside.held > self._block_bytes:
            blocks.append(assemble(buffer, self._origin, kept, self._aside))
        return end

    def _narrowed(self, buffer: bytes, at: int, stop: int) -> int:
        """End of the window at `at`; of very short lines, as they cost more than their bytes."""
        if self._origin + at >= self._short_until:
            is_short = has_short_lines(buffer, at, stop, SHORT_LINE)
            if not is_short or not buffer[at:stop].strip(b"\r\n"):
                return stop
            self._short_until = self._origin + stop
        return min(stop, at + max(1, self._block_bytes // SHORT_PARTS))

    def _walk(
        self, buffer: bytes, at: int, stop: int, header: Header, *, final: bool
    ) -> tuple[Kept, int]:
        """Go through the records that start before `stop`; gives what is good, and its end."""
        spans: list[Span] = []
        wrapped: list[Span] = []
        has_misquoted = False
        clear = at
        while at < stop:
            if self._skip is not None:
                before, at = at, self._pass_over(buffer, at, self._skip, header, final=final)
                if at == before and self._skip is not None:
                    break
                continue
            if clear <= at:
                run = header.dialect.lines.match(buffer, at, stop)
                clear = run.end()  # type: ignore[union-attr]  # it matches nothing, at least
                has_misquoted |= run[1] is not None  # type: ignore[index]
            run_end = last_line_end(buffer, at, clear)
            safe = safe_end(buffer, at, run_end, self._limit)
            if safe > at:
                extend(spans, at, safe)
                at = safe
                continue
            if clear == stop and run_end == at and spans and not final:
                break
            end = self._take_record(buffer, at, header, wrapped, final=final)
            if end is None:
                if self._is_skipping:
                    continue
                break
            if not (wrapped and wrapped[-1][1] == end):
                has_misquoted |= header.dialect.record.fullmatch(buffer, at, end) is None
            extend(spans, at, end)
            at = end
        return Kept(spans, wrapped, has_misquoted=has_misquoted), at

    def _take_record(
        self, buffer: bytes, at: int, header: Header, wrapped: list[Span], *, final: bool
    ) -> int | None:
        """End of the record at `at`, or of a misquoted line; None: bytes are missing, or a skip."""
        size = len(buffer)
        reach = min(size, at + self._limit + 2)
        match = None
        end = lone_quote(buffer, at, reach, header)
        if end < 0:
            end = whole_end(buffer, at, reach, header)
            if at < end <= at + self._limit and (end < size or final or buffer[-1] != CR):
                if LINE_END.search(buffer, at).end() < end:  # type: ignore[union-attr]
                    wrapped.append((at, end))
                return end
            end = header.dialect.fields.match(buffer, at, reach).end()  # type: ignore[union-attr]
            match = LINE_END.match(buffer, end, reach)
        if match is None and (end == size or buffer[end] == QUOTE):
            if not final and size - at <= self._limit:
                return None
        elif match is not None and match.end() == size and not final and buffer[-1] == CR:
            return None
        is_whole = match is not None or (final and end == size)
        end = end if match is None else match.end()
        line_end = end_of_line(buffer, at, self._limit, final=final)
        if line_end is None and size - at <= self._limit:
            return None
        if line_end is None or line_end - at > self._limit:
            self._skip = _Skip(self._origin + at, "too long", in_line=True, to_shape=False)
            return None
        if end <= line_end and (is_whole or (end < size and buffer[end] != QUOTE)):
            return line_end
        if is_whole and end - at <= self._limit and has_all_fields(buffer, at, end, header):
            wrapped.append((at, end))
            return end
        self._skip = _Skip(self._origin + at, "unbalanced quote", in_line=True, to_shape=True)
        return None

    # Passing over what cannot be read

    @property
    def _is_skipping(self) -> bool:
        return self._skip is not None

    def _pass_over(
        self, buffer: bytes, at: int, skip: _Skip, header: Header, *, final: bool
    ) -> int:
        size = len(buffer)
        if at == size:
            return at
        if not skip.in_line:
            sparse = self._sparse_end(buffer, at, header, final=final)
            if sparse > at:
                skip.absorb(buffer, at, sparse)
                return sparse
            run = misshapen(header.dialect.delimiter, len(header.names)).match(buffer, at)
            if run is not None and run.end() > at:
                skip.absorb(buffer, at, run.end())
                return run.end()
            shaped = self._has_shape(buffer, at, header, final=final)
            if shaped is None:
                return at
            if shaped:
                self._close_skip(skip)
                return at
            skip.in_line = True
        found = LINE_END.search(buffer, at)
        end = size if found is None else found.end()
        if found is not None and found[0] == b"\r" and end == size and not final:
            found, end = None, size - 1
        skip.absorb(buffer, at, end)
        if found is not None:
            skip.in_line = False
            if not skip.to_shape:
                self._close_skip(skip)
        return end

    def _sparse_end(self, buffer: bytes, at: int, header: Header, *, final: bool) -> int:
        """How far from `at` there are too few delimiters for a record to begin."""
        reach = min(len(buffer), at + 2 * self._limit)
        if enough(header.dialect.delimiter, len(header.names)).match(buffer, at, reach):
            return at
        whole = final and reach == len(buffer)
        return last_line_end(buffer, at, reach if whole else reach - self._limit)

    def _has_shape(self, buffer: bytes, at: int, header: Header, *, final: bool) -> bool | None:
        """Tell whether a record with the header's number of fields starts here; None: not yet."""
        size = len(buffer)
        match = header.dialect.record.match(buffer, at)
        if match is None:
            end = header.dialect.fields.match(buffer, at).end()  # type: ignore[union-attr]
            is_open = end == size or buffer[end] == QUOTE
            if is_open and not final and size - at <= self._limit:
                return None
            if not (final and end == size):
                return False
        else:
            end = match.end()
        return end - at <= self._limit and has_all_fields(buffer, at, end, header)

    def _close_skip(self, skip: _Skip) -> None:
        self._aside.add(skip.reject())
        self._skip = None
