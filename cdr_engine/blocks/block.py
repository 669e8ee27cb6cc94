"""The unit the cutter hands on: whole records in one piece of memory, and where they came from."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.ledger import RAW_LIMIT, Reject

if TYPE_CHECKING:
    from cdr_engine.blocks.lines import Span

__all__ = ["Block", "Kept", "SetAside", "assemble"]

LF, CR = 0x0A, 0x0D
REJECT_BYTES = 200
"""Memory of a reject beside its raw bytes, about."""


class Block(NamedTuple):
    """Whole records of one body, and what was set aside between them."""

    payload: bytes
    """Records with their line ends; the very last of a body may lack its own."""
    segments: tuple[tuple[int, int], ...] = ()
    """Where pieces of the payload came from: (position in payload, offset in body), ascending."""
    wrapped: tuple[tuple[int, int], ...] = ()
    """Records with a line break inside quotes: (start, end) in the payload, ascending."""
    foreign: tuple[tuple[int, int], ...] = ()
    """Records that stand under another table's header, and it: (start, end) in the payload."""
    has_misquoted: bool = False
    """Whether some line may have text behind a closing quote: whoever reads it must look."""
    rejects: tuple[Reject, ...] = ()
    """Records that the grammar or a limit set aside; none of their bytes are in the payload."""
    header_bytes: int = 0
    blank_bytes: int = 0

    def offset_of(self, position: int) -> int:
        """Offset in the body of a position in the payload."""
        at = bisect_right(self.segments, position, key=itemgetter(0)) - 1
        start, offset = self.segments[at]
        return offset + position - start


class SetAside:
    """What left the stream of records since the last block went out."""

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self.held = 0
        """Memory that the rejects take, about."""
        self.edge = 0, LF
        """Where the last good span ended, and its last byte."""
        self.header_bytes = 0
        self.blank_bytes = 0

    def __bool__(self) -> bool:
        return bool(self.rejects or self.header_bytes or self.blank_bytes)

    def reject(self, buffer: bytes, origin: int, span: Span, reason: str) -> None:
        """Set one record of a buffer aside that starts at body offset `origin`."""
        start, end = span
        raw = buffer[start : min(end, start + RAW_LIMIT)]
        self.add(Reject(origin + start, end - start, reason, raw))

    def add(self, reject: Reject) -> None:
        """Set aside what is a reject already."""
        self.rejects.append(reject)
        self.held += REJECT_BYTES + len(reject.raw)

    def clear(self) -> None:
        """Start over, behind a block that took everything along."""
        self.rejects = []
        self.held = self.header_bytes = self.blank_bytes = 0


class Kept(NamedTuple):
    """What of a buffer goes out: spans of whole records, ascending."""

    spans: list[Span]
    wrapped: list[Span]
    """Records among them with a line break inside quotes."""
    foreign: list[Span] = []  # noqa: RUF012  # never changed
    """Those that stand under another table's header."""
    has_misquoted: bool = False


def assemble(buffer: bytes, origin: int, kept: Kept, aside: SetAside) -> Block:
    """Join what is kept of a buffer at body offset `origin`, and send along what was set aside."""
    spans = _apart(buffer, origin, kept.spans, aside)
    segments = []
    shifts = []
    size = 0
    for start, end in spans:
        segments.append((size, origin + start))
        shifts.append((start, size - start))
        size += end - start
    pieces = [buffer[start:end] for start, end in spans]
    block = Block(
        pieces[0] if len(pieces) == 1 else b"".join(pieces),
        tuple(segments),
        _moved(kept.wrapped, shifts),
        _moved(kept.foreign, shifts),
        kept.has_misquoted,
        tuple(aside.rejects),
        aside.header_bytes,
        aside.blank_bytes,
    )
    aside.clear()
    return block


def _moved(spans: list[Span], shifts: list[tuple[int, int]]) -> tuple[Span, ...]:
    """
    Spans of a buffer as spans of a payload.

    `shifts` say where pieces of the payload began in the buffer, and how far they moved; where a
    blank LF was counted out, a span begins behind it.
    """
    if len(shifts) == 1:
        first, shift = shifts[0]
        return tuple([(max(start, first) + shift, end + shift) for start, end in spans])
    moved = []
    for start, end in spans:
        first, shift = shifts[bisect_right(shifts, end - 1, key=itemgetter(0)) - 1]
        moved.append((max(start, first) + shift, end + shift))
    return tuple(moved)


def _apart(buffer: bytes, origin: int, spans: list[Span], aside: SetAside) -> list[Span]:
    """Count a blank LF out that would make one CRLF of it and the CR in front of a gap."""
    apart: list[Span] = []
    for span_start, end in spans:
        start = span_start
        edge, last = aside.edge
        if last == CR and origin + start > edge and buffer[start] == LF:
            aside.blank_bytes += 1
            start += 1
        aside.edge = origin + end, buffer[end - 1]
        if start < end:
            apart.append((start, end))
    return apart
