"""
One connection's bytes: the head of its answer for httpx, and what is behind it counted.

What comes with the head is kept back until it is asked for, by httpx or by whoever reads a body in
its place.

A Content-Length below what the service sends cuts a report where the length says, in the middle or
between two records, and the framing looks whole. What is left over betrays it: bytes that came
together with the last ones, or wait behind them.
"""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Meter", "is_more_waiting"]

HEAD_END = b"\r\n\r\n"
INTERIM = b"HTTP/1.1 1"
"""An answer that announces another (RFC 9110 section 15.2)."""


class Stream(Protocol):
    """A network stream of httpcore."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...


class Meter:
    """Reads one connection, and counts what it has read behind the head of its answer."""

    def __init__(self) -> None:
        self.body_bytes = 0
        self._head: bytes | None = b""
        self._rest = b""
        self._read: Callable[[int, float | None], bytes] | None = None

    def watch(self, stream: Stream) -> None:
        """Read this stream from now on, for httpx too; TLS makes a second one of the first."""
        self._read = stream.read
        self.body_bytes, self._head, self._rest = 0, b"", b""
        stream.read = self.read  # type: ignore[method-assign]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """
        Read what comes next; a piece does not go beyond the end of the answer's head.

        Raises
        ------
        httpcore.NetworkError, httpcore.TimeoutException
            As the stream's own `read`.
        """
        assert self._read is not None
        if self._rest:
            piece, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
            return piece
        piece = self._read(max_bytes, timeout)
        if self._head is None:
            self.body_bytes += len(piece)
            return piece
        self._look_for_head_end(piece)
        return piece[: len(piece) - len(self._rest)]

    def _look_for_head_end(self, piece: bytes) -> None:
        assert self._head is not None
        self._head += piece
        while self._head is not None and HEAD_END in self._head:
            head, _, rest = self._head.partition(HEAD_END)
            if head.startswith(INTERIM):
                self._head = rest
            else:
                self._head, self._rest, self.body_bytes = None, rest, len(rest)


def is_more_waiting(held: socket.socket) -> bool:
    """Tell whether bytes have come that nobody has read; under TLS they may be its farewell."""
    poll = select.poll()
    poll.register(held, select.POLLIN)
    try:
        return bool(poll.poll(0)) and bool(held.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
