"""
The chunked coding of HTTP/1.1 undone (RFC 9112 section 7.1), many chunks at a time.

The service sends chunks of 8 KB. httpx hands on each by itself, which takes as long as decoding the
report does: so the head of an answer is httpx's, and a chunked body is read from the connection
here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BadFraming", "unchunked"]

LINE_END = b"\r\n"
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e]*)?[ \t]*")
"""A chunk's size in hexadecimal digits, and extensions, which mean nothing to a report."""

FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*")
"""A trailer line (RFC 9110 section 5); what else stands behind the last chunk is none."""

MAX_LINE_BYTES = 1 << 12
MAX_TRAILER_BYTES = 1 << 16


class BadFraming(Exception):
    """A chunked body ends before its last chunk, or breaks the rules of its coding."""


def unchunked(read: Callable[[], bytes]) -> Iterator[bytes]:
    """
    Yield the content of a chunked body, as much at a time as one read brings.

    Parameters
    ----------
    read
        The next bytes of the connection; none at its end.

    Raises
    ------
    BadFraming
        If the connection ends inside the body, or the body is not one of chunks.
    """
    chunks = _Chunks()
    while not chunks.is_ended:
        arrived = read()
        content = chunks.feed(arrived) if arrived else b""
        if content:
            yield content
        if chunks.fault or not arrived:
            raise BadFraming(chunks.fault or "the connection ended inside a chunked body")


class _Chunks:
    """
    What is known in the middle of a chunked body.

    Content in front of a fault is handed on before the fault counts.
    """

    def __init__(self) -> None:
        self.is_ended = False
        self.fault = ""
        self._rest = b""
        """Bytes that are no content and not yet a whole line."""
        self._left = 0
        """Bytes of the current chunk that are still to come."""
        self._is_behind_content = False
        """A line end has to come before the next size."""
        self._trailer_bytes: int | None = None
        """Bytes of trailer lines, once the last chunk has come."""

    def feed(self, arrived: bytes) -> bytes:
        """Take what arrived; return the content in it."""
        data = self._rest + arrived if self._rest else arrived
        at, size, content = 0, len(data), []
        self._rest = b""
        while at < size and not self.is_ended and not self.fault:
            if self._left:
                part = data[at : at + self._left]
                content.append(part)
                at += len(part)
                self._left -= len(part)
                self._is_behind_content = not self._left
                continue
            end = data.find(LINE_END, at, at + MAX_LINE_BYTES)
            if end < 0:
                self._rest = data[at:]
                if len(self._rest) >= MAX_LINE_BYTES:
                    self.fault = "a line between its chunks does not end"
                break
            self._line(data[at:end])
            at = end + len(LINE_END)
        return content[0] if len(content) == 1 else b"".join(content)

    def _line(self, line: bytes) -> None:
        """Take a line that is no content."""
        if self._trailer_bytes is not None:
            self.is_ended = not line
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_TRAILER_BYTES:
                self.fault = "its trailer does not end"
            elif line and not FIELD.fullmatch(line):
                self.fault = "what follows its last chunk is no trailer"
        elif self._is_behind_content:
            self._is_behind_content = False
            if line:
                self.fault = "a chunk is longer than its size"
        elif found := SIZE_LINE.fullmatch(line):
            self._left = int(found[1], 16)
            if not self._left:
                self._trailer_bytes = 0
        else:
            self.fault = "a chunk's size is no number"
