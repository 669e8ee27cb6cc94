"""
A TCP proxy that spoils the bytes of answers.

It stands in front of the report service: requests pass as they are, and so do answers, piece by
piece, until the schedule names a fault. An answer that meets one is read whole, spoilt at random
places and sent; then the connection is closed. One with less than two bytes has nothing to spoil.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
import time
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

from cdr_engine.simulator.byte_faults import BYTE_FAULTS, Script, script_of
from cdr_engine.simulator.faults import FaultSchedule
from cdr_engine.simulator.wire import Wire, message_parts

__all__ = ["Proxy"]

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time at all: closing throws away what is unsent and sends RST."""

_LOOK_S = 0.05
"""Between two looks at whether a silent connection still matters."""


class Proxy:
    """
    A proxy in threads, while the context is entered.

    Parameters
    ----------
    upstream
        The base URL of the service.
    fault
        What becomes of the first answers, such as "ok,cut-chunkx2,stall"; see `BYTE_FAULTS`.
    seed
        Of the places where an answer is spoilt.
    target
        Requests whose path ends so meet the faults; the others pass.
    stall_s
        Longest silence, in seconds; it ends as well when the client leaves.
    drip_s
        Pause before each byte of a drip, in seconds.

    Raises
    ------
    ValueError
        The fault is unknown.

    Examples
    --------
    >>> from cdr_engine.simulator import Simulator
    >>> with Simulator() as simulator, Proxy(simulator.base_url, "reset") as proxy:
    ...     proxy.base_url.endswith("/voice")
    True
    """

    def __init__(
        self,
        upstream: str,
        fault: str = "",
        *,
        seed: int = 0,
        target: str = "/reportsStreaming",
        stall_s: float = 60.0,
        drip_s: float = 0.05,
    ) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path
        self._stall_s = stall_s
        self._drip_s = drip_s
        self._schedule = FaultSchedule(fault, BYTE_FAULTS)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self.port = 0
        self.target = target
        """May be changed between requests."""
        self.struck: list[str] = []
        """Faults that answers have met, in their order."""

    @property
    def base_url(self) -> str:
        """The base URL of the service as it is reached through here."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    def set_fault(self, fault: str, seed: int = 0) -> None:
        """Begin another schedule, with places of its own seed; "" for none."""
        with self._lock:
            self._schedule.replace(fault)
            self._random = random.Random(seed)
            self.struck.clear()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        while self._threads:
            self._threads.pop().join()
        if self._listener is not None:
            self._listener.close()

    def _start(self, work: object, *values: object) -> None:
        assert callable(work)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, args=values, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._ending.is_set():
            if select.select([listener], [], [], _LOOK_S)[0]:
                client, _ = listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        """Pass messages to and fro until one side leaves or a fault closes the connection."""
        with client, contextlib.suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with socket.create_connection(self._upstream) as server:
                with client.makefile("rb") as asked, server.makefile("rb") as answered:
                    script = self._relay(client, server, asked, answered)
                if script is not None:
                    self._perform(script, client)

    def _relay(
        self, client: socket.socket, server: socket.socket, asked: BinaryIO, answered: BinaryIO
    ) -> Script | None:
        while self._is_asked(client, server) and (request := list(message_parts(asked))):
            server.sendall(b"".join(request))
            parts = message_parts(answered)
            fault = self._next(request[0])
            if fault is not None:
                return self._spoilt(fault, list(parts))
            for part in parts:
                client.sendall(part)
        return None

    def _next(self, head: bytes) -> str | None:
        path = head.partition(b"\r\n")[0].split()[1].partition(b"?")[0].decode("latin-1")
        with self._lock:
            return self._schedule.next() if path.endswith(self.target) else None

    def _spoilt(self, fault: str, parts: list[bytes]) -> Script:
        wire = Wire.of(parts)
        if len(wire.body) < 2:
            return Script(parts)
        with self._lock:
            self.struck.append(fault)
            return script_of(fault, wire, self._random)

    def _perform(self, script: Script, client: socket.socket) -> None:
        for piece in script.pieces:
            if script.is_slow and self._is_left(client, self._drip_s):
                return
            client.sendall(piece)
        if script.ending == "silence":
            self._is_left(client, self._stall_s)
        if script.ending == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _is_asked(self, client: socket.socket, server: socket.socket) -> bool:
        """Wait for the client; False when the service leaves or the proxy is to stop."""
        while not self._ending.is_set():
            ready = select.select([client, server], [], [], _LOOK_S)[0]
            if ready:
                return server not in ready
        return False

    def _is_left(self, client: socket.socket, seconds: float) -> bool:
        """Wait, and tell whether the client has gone meanwhile or the proxy is to stop."""
        until = time.monotonic() + seconds
        while not self._ending.is_set():
            left = until - time.monotonic()
            if left <= 0:
                return False
            if select.select([client], [], [], min(left, _LOOK_S))[0]:
                return True
        return True
