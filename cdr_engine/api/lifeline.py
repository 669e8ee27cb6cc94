"""
The connections under way, each of which another thread or a deadline can cut.

httpx limits only single waits, looks its limits up when a body begins, and offers no way to stop a
thread that waits for bytes. Shutting the socket down wakes that thread at once. What is shut down
is a second descriptor of the same socket, taken when it connects: TLS detaches the first one.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cdr_engine.api.metering import Meter, is_more_waiting
from cdr_engine.errors import ServiceUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lifeline", "Lifelines", "too_late"]

CONNECTED, ENCRYPTED = ".connect_tcp.complete", ".start_tls.complete"
"""
How events of httpcore's `trace` extension end whose return value is the network stream; before it
stands whether the connection's, a proxy's or a SOCKS proxy's.
"""

AT_ONCE = struct.pack("ii", 1, 0)
"""A `struct linger`: on, for no time."""


def too_late(deadline_s: float) -> str:
    """Why something was cut off at its deadline."""
    return f"it took longer than the deadline of {deadline_s:g} s: raise --deadline or ask for less"


class Lifeline:
    """
    The socket of one request, from its connection to the end of its answer.

    Parameters
    ----------
    forget : callable
        Called with the lifeline when it is closed.
    """

    def __init__(self, forget: Callable[[Lifeline], None]) -> None:
        self._forget = forget
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None
        self.cut_for = ""
        """Why it was cut; empty while it is not."""
        self._meter = Meter()
        self._is_encrypted = False

    def cut_after(self, left_s: float, why: str) -> None:
        """Cut it in so many seconds, unless it is closed by then."""
        self._timer = threading.Timer(max(0.0, left_s), self.cut, (why,))
        self._timer.daemon = True
        self._timer.start()

    def cut(self, why: str) -> None:
        """Make every wait for bytes of this connection end now."""
        with self._lock:
            self.cut_for = self.cut_for or why
            for held in self._sockets:
                shut_down(held)

    def read(self, max_bytes: int, timeout_s: float | None) -> bytes:
        """Read the next bytes behind the head of the answer, in httpx's place."""
        return self._meter.read(max_bytes, timeout_s)

    def has_surplus(self, length: int) -> bool:
        """Tell whether more came than a body of this length, once that was read."""
        if self._meter.body_bytes > length:
            return True
        with self._lock:
            return not self._is_encrypted and any(map(is_more_waiting, self._sockets))

    def close(self) -> None:
        """Let go of the socket, which stays open as long as it is held."""
        self._forget(self)
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    def trace(self, event: str, told: dict[str, Any]) -> None:
        """Take hold of the socket when httpcore tells that it is connected."""
        if event.endswith((CONNECTED, ENCRYPTED)):
            self._meter.watch(told["return_value"])
        self._is_encrypted |= event.endswith(ENCRYPTED)
        if not event.endswith(CONNECTED):
            return
        connected = told["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.append(connected.dup())
            if self.cut_for:
                shut_down(self._sockets[-1])


class Lifelines:
    """Those of one client; once cut, no new one is given out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Lifeline] = set()
        self._cut_for = ""

    def open(self) -> Lifeline:
        """Give one for a request; raise ServiceUnreachable if all were cut."""
        with self._lock:
            if self._cut_for:
                raise ServiceUnreachable(f"no request was sent: {self._cut_for}")
            lifeline = Lifeline(self._discard)
            self._open.add(lifeline)
            return lifeline

    def cut(self, why: str) -> None:
        """Cut all that are open, and any that would be opened from now on."""
        with self._lock:
            self._cut_for = why
            opened = list(self._open)
        for lifeline in opened:
            lifeline.cut(why)

    def _discard(self, lifeline: Lifeline) -> None:
        with self._lock:
            self._open.discard(lifeline)


def shut_down(held: socket.socket) -> None:
    """
    End both directions, and let closing reset the connection, so that the service stops sending.

    A connection that the other side ended already is no error.
    """
    with suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        held.shutdown(socket.SHUT_RDWR)
