"""A scripted server on a real socket, so that every byte of an answer's framing is the test's."""

from __future__ import annotations

import socket
import struct
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from cdr_engine.api import ReportRequest, ReportService, StaticToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TOKEN = "canary-7f3c9e51-token"
STALL = "stall"
RESET = "reset"
Step = bytes | float | str
"""Bytes to send, seconds to wait, STALL (until the client leaves) or RESET."""


class RawServer:
    """Serves one script a connection, the last one again and again; keeps what it was sent."""

    def __init__(self, scripts: Sequence[Sequence[Step]]) -> None:
        self.requests: list[bytes] = []
        self.client_left = threading.Event()
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop accepting and wait for the thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            with connection:
                connection.settimeout(10)
                try:
                    self.requests.append(read_request(connection))
                    self._play(connection, script)
                except OSError:
                    self.client_left.set()

    def _play(self, connection: socket.socket, script: Sequence[Step]) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for step in script:
            if step == STALL:
                connection.recv(1)
                self.client_left.set()
            elif step == RESET:
                # what was sent must have been read first: a reset discards the rest
                time.sleep(0.1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, float):
                time.sleep(step)


def read_request(connection: socket.socket) -> bytes:
    """Read one request with a Content-Length, or without body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += some(connection)
    return head + b"\r\n\r\n" + body


def some(connection: socket.socket) -> bytes:
    """Receive at least one byte."""
    received = connection.recv(65536)
    if not received:
        raise ConnectionResetError
    return received


class Http:
    """Builds the bytes of answers."""

    token = TOKEN
    stall = STALL
    reset = RESET

    @staticmethod
    def head(status: int = 200, *fields: str, version: str = "1.1") -> bytes:
        """Build a status line and header fields."""
        return "\r\n".join([f"HTTP/{version} {status} Any", *fields, "", ""]).encode()

    @staticmethod
    def chunks(*bodies: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
        """Build a chunked body."""
        return b"".join(b"%x\r\n%b\r\n" % (len(b), b) for b in bodies) + end

    @classmethod
    def chunked(cls, *bodies: bytes, fields: Sequence[str] = ("Content-Type: text/csv",)) -> bytes:
        """Build a whole answer with a chunked body."""
        return cls.head(200, "Transfer-Encoding: chunked", *fields) + cls.chunks(*bodies)

    @classmethod
    def sized(cls, status: int, body: bytes, *fields: str) -> bytes:
        """Build a whole answer with a Content-Length."""
        return cls.head(status, f"Content-Length: {len(body)}", *fields) + body

    @classmethod
    def json(cls, status: int, body: bytes, *fields: str) -> bytes:
        """Build a whole JSON answer."""
        return cls.sized(status, body, "Content-Type: application/json", *fields)


@pytest.fixture
def http() -> type[Http]:
    """Give the builder of answers."""
    return Http


@pytest.fixture
def servers() -> Iterator[list[RawServer]]:
    """Hold the servers of a test, and stop them after it."""
    started: list[RawServer] = []
    yield started
    for server in started:
        server.close()


@pytest.fixture
def connect(servers: list[RawServer]) -> Iterator[Callable[..., ReportService]]:
    """Start a server from one script a connection, and give a service that talks to it."""
    services: list[ReportService] = []

    def start(*scripts: Sequence[Step] | bytes, **options: Any) -> ReportService:
        server = RawServer([[s] if isinstance(s, bytes) else s for s in scripts])
        servers.append(server)
        token = options.pop("token", StaticToken(TOKEN))
        options = {"connect_timeout_s": 2, "read_timeout_s": 2, "answer_timeout_s": 2} | options
        services.append(ReportService(server.url, token, **options))
        return services[-1]

    yield start
    for service in services:
        service.close()


@pytest.fixture
def request_() -> ReportRequest:
    """Give a request that keeps every rule."""
    return ReportRequest(
        account_id="13670001",
        start=datetime(2020, 4, 19),  # noqa: DTZ001 - windows are naive local time
        end=datetime(2020, 4, 20),  # noqa: DTZ001
        cloud_profile_group_ids=(111, None),
        cloud_profile_ids=(1111, 2222),
    )
