"""
Bytes behind the end of an answer, which nobody asks for and httpx does not show.

A Content-Length below what the service sends cuts a report where the length says, in the middle or
between two records, and the framing looks whole. What is left over betrays it: bytes that came
together with the last ones, or wait behind them.
"""

from __future__ import annotations

import select
import socket
from typing import Protocol

__all__ = ["Meter", "is_more_waiting"]

HEAD_END = b"\r\n\r\n"
INTERIM = b"HTTP/1.1 1"
"""An answer that announces another (RFC 9110 section 15.2)."""


class Stream(Protocol):
    """A network stream of httpcore."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...


class Meter:
    """Counts the bytes that one connection has read behind the head of its answer."""

    def __init__(self) -> None:
        self.body_bytes = 0
        self._head: bytes | None = b""

    def watch(self, stream: Stream) -> None:
        """Count from now on what this stream reads; TLS makes a second one of the first."""
        read = stream.read
        self.body_bytes, self._head = 0, b""

        def counted(max_bytes: int, timeout: float | None = None) -> bytes:
            piece = read(max_bytes, timeout)
            self._count(piece)
            return piece

        stream.read = counted  # type: ignore[method-assign]

    def _count(self, piece: bytes) -> None:
        if self._head is None:
            self.body_bytes += len(piece)
            return
        self._head += piece
        while self._head is not None and HEAD_END in self._head:
            head, _, rest = self._head.partition(HEAD_END)
            if head.startswith(INTERIM):
                self._head = rest
            else:
                self._head, self.body_bytes = None, len(rest)


def is_more_waiting(held: socket.socket) -> bool:
    """Tell whether bytes have come that nobody has read; under TLS they may be its farewell."""
    poll = select.poll()
    poll.register(held, select.POLLIN)
    try:
        return bool(poll.poll(0)) and bool(held.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
