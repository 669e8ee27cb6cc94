"""
HTTP/1.1 as it crosses a socket: messages in their raw parts, and an answer framed anew.

Only what the simulator itself sends has to be read here: a length, chunks without trailers, or no
body at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import BinaryIO, NamedTuple

__all__ = ["LAST_CHUNK", "Wire", "chunked", "message_parts", "pieces_of"]

LAST_CHUNK = b"0\r\n\r\n"

_FRAMING = (b"content-length", b"transfer-encoding", b"connection")
_MOST_PIECES = 9


def message_parts(file: BinaryIO) -> Iterator[bytes]:
    """
    Yield one message as it arrives: its head, then what follows in the pieces of its framing.

    Nothing is yielded when the connection ends before the first byte.

    Raises
    ------
    ConnectionError
        The connection ends within the message.
    """
    head = _head(file)
    if not head:
        return
    yield head
    fields = _fields(head)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        size = -1
        while size:
            line = _whole(file.readline(), b"\n")
            size = int(line.partition(b";")[0], 16)
            yield line
            yield _exactly(file, size + 2)
    elif length := int(fields.get(b"content-length", b"0")):
        yield _exactly(file, length)


def _head(file: BinaryIO) -> bytes:
    lines = [file.readline()]
    while lines[-1].strip():
        lines.append(_whole(file.readline(), b"\n"))
    return b"".join(lines)


def _fields(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":")[::2] for line in head.splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, value in pairs if name}


def _whole(line: bytes, end: bytes) -> bytes:
    if not line.endswith(end):
        raise ConnectionError
    return line


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise ConnectionError
    return content


def chunked(pieces: Sequence[bytes]) -> list[bytes]:
    """Return pieces of a body as chunks, without the last one; empty pieces are left out."""
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]


def pieces_of(body: bytes, rng: random.Random) -> list[bytes]:
    """Cut a body at random places into two pieces or some more; one where it is a byte or none."""
    places = range(1, len(body))
    count = min(len(places), rng.randrange(1, _MOST_PIECES))
    bounds = [0, *sorted(rng.sample(places, count)), len(body)]
    return [body[first:last] for first, last in pairwise(bounds)]


class Wire(NamedTuple):
    """An answer without its framing."""

    status_line: bytes
    lines: tuple[bytes, ...]
    """Of the header, but for those that frame the body."""
    body: bytes

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> Wire:
        """Make it of the parts of a message."""
        first, *lines = parts[0].rstrip().split(b"\r\n")
        kept = (line for line in lines if line.partition(b":")[0].lower() not in _FRAMING)
        is_chunked = len(parts) > 2
        body = b"".join(part[:-2] for part in parts[2::2]) if is_chunked else b"".join(parts[1:])
        return cls(first, tuple(kept), body)

    def head(self, *more: bytes, status_line: bytes | None = None) -> bytes:
        """Return its status line and header, with lines of one's own."""
        lines = (status_line or self.status_line, *self.lines, *more, b"Connection: close")
        return b"\r\n".join((*lines, b"", b""))

    def as_chunks(self) -> bytes:
        """Return the header of a body that comes in chunks."""
        return self.head(b"Transfer-Encoding: chunked")

    def of_length(self, length: int) -> bytes:
        """Return the header of a body that says it is so long."""
        return self.head(b"Content-Length: %d" % length)

    def record_ends(self) -> list[int]:
        """Return the offsets behind each line end but the last; the middle where there is none."""
        ends: list[int] = []
        at = self.body.find(b"\n")
        while 0 <= at < len(self.body) - 1:
            ends.append(at + 1)
            at = self.body.find(b"\n", at + 1)
        return ends or [len(self.body) // 2]
