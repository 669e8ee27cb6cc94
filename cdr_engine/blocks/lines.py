"""Spans of lines in a buffer: where they end, how long they can be, how they add up."""

from __future__ import annotations

__all__ = ["Span", "extend", "has_short_lines", "last_line_end", "safe_end"]

SAMPLES = 16
"""Places at which a window's line lengths are looked at, each a sixteenth of its share."""
LEAST_SAMPLE = 4096

Span = tuple[int, int]
"""Start and end of a piece of a buffer."""


def last_line_end(buffer: bytes, at: int, stop: int) -> int:
    """Position behind the last line end before `stop`, or `at`; a CR at the edge may be half."""
    found = buffer.rfind(b"\n", at, stop)
    if found < 0:
        found = buffer.rfind(b"\r", at, max(at, stop - 1))
    return at if found < 0 else found + 1


def safe_end(buffer: bytes, at: int, end: int, limit: int) -> int:
    """
    How far from `at` no line can be longer than `limit` bytes.

    Such a line would cover an aligned stride of half the limit, so one search per stride tells.
    """
    stride = limit // 2
    for start in range(at, end - stride + 1, stride):
        if (
            buffer.find(b"\n", start, start + stride) < 0
            and buffer.find(b"\r", start, start + stride) < 0
        ):
            return last_line_end(buffer, at, start)
    return end


def has_short_lines(buffer: bytes, at: int, stop: int, length: int) -> bool:
    """
    Tell whether lines are shorter than `length` on average, from a sample of one byte in sixteen.

    Counting them all would cost a twentieth of the whole load. A file that hides short lines from
    the sample costs memory for the records that cannot be read, but nothing is lost.
    """
    share = max(LEAST_SAMPLE, (stop - at) // SAMPLES)
    piece = max(LEAST_SAMPLE, share // SAMPLES)
    lines = looked_at = 0
    for start in range(at, stop, share):
        end = min(start + piece, stop)
        looked_at += end - start
        lines += buffer.count(b"\n", start, end) + buffer.count(b"\r", start, end)
    return lines * length > looked_at


def extend(spans: list[Span], start: int, end: int) -> None:
    """Add a span behind the others; one that touches the last makes it longer."""
    if start == end:
        return
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
