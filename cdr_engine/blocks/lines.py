"""Spans of lines in a buffer: where they end, how long they can be, how they add up."""

from __future__ import annotations

__all__ = ["Span", "extend", "last_line_end", "safe_end"]

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


def extend(spans: list[Span], start: int, end: int) -> None:
    """Add a span behind the others; one that touches the last makes it longer."""
    if start == end:
        return
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
