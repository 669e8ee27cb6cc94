"""Whom a client trusts on its way to the service: root certificates and proxies, over TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cdr_engine.api import ReportService, StaticToken
from cdr_engine.errors import ApiError, ConfigError, ServiceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdr_engine.api import ReportRequest

CERTIFICATES = Path(__file__).parent / "certificates"
ROOT, LOOPBACK = str(CERTIFICATES / "root.pem"), str(CERTIFICATES / "loopback.pem")
ACCOUNTS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


class TlsServer:
    """Answers each connection with no accounts, or with the beginning of an answer."""

    def __init__(self) -> None:
        self.answer = ACCOUNTS
        self.has_answered = threading.Event()
        self.connects: list[bytes] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(LOOPBACK)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop accepting and wait for the thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                self._talk(connection)
            except OSError:
                pass
            finally:
                connection.close()

    def _talk(self, connection: socket.socket) -> None:
        if connection.recv(7, socket.MSG_PEEK) == b"CONNECT":
            self.connects.append(connection.recv(4096).partition(b"\r\n")[0])
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with self._tls.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(self.answer)
            self.has_answered.set()
            secured.recv(1)


@pytest.fixture
def server() -> Iterator[TlsServer]:
    """A server whose certificate comes from a root of its own."""
    started = TlsServer()
    yield started
    started.close()


def test_root_of_the_user(server: TlsServer) -> None:
    """A certificate that the file of root certificates vouches for is trusted."""
    with ReportService(server.url, StaticToken("t"), ca_bundle=ROOT) as service:
        assert () == service.accounts()


def test_unknown_root(server: TlsServer) -> None:
    """Without that file it is not trusted, and the message says why."""
    with (
        ReportService(server.url, StaticToken("t")) as service,
        pytest.raises(ServiceUnreachable, match="certificate is not trusted"),
    ):
        service.accounts()


@pytest.mark.parametrize("trusted", [False, True])
def test_root_of_the_environment(
    server: TlsServer, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    """SSL_CERT_FILE counts only if the environment is trusted."""
    from cdr_engine.api.connections import trusted_roots

    trusted_roots.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", ROOT)
    with ReportService(server.url, StaticToken("t"), trust_environment=trusted) as service:
        if trusted:
            assert () == service.accounts()
        else:
            with pytest.raises(ServiceUnreachable, match="not trusted"):
                service.accounts()
    trusted_roots.cache_clear()


@pytest.mark.parametrize("trusted", [False, True])
def test_proxy_of_the_environment(
    server: TlsServer, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    """A proxy of the environment is used only if the environment is trusted."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
    options = {"ca_bundle": ROOT, "trust_environment": trusted}
    with ReportService(server.url, StaticToken("t"), **options) as service:
        assert () == service.accounts()

    expected = [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1".encode()] if trusted else []
    assert expected == server.connects


@pytest.mark.parametrize("is_proxied", [False, True])
def test_report_over_tls(
    server: TlsServer, monkeypatch: pytest.MonkeyPatch, request_: ReportRequest, is_proxied: bool
) -> None:
    """A report in chunks comes whole over TLS, straight and through a proxy."""
    if is_proxied:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
    lines = [b"uii,ani\n", *(b"%030d,6025550000\n" % number for number in range(5000))]
    server.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in lines)
        + b"0\r\n\r\n"
    )

    with (
        ReportService(
            server.url, StaticToken("t"), ca_bundle=ROOT, trust_environment=is_proxied
        ) as service,
        service.report(request_) as body,
    ):
        assert b"".join(lines) == b"".join(body)
    assert is_proxied == bool(server.connects)


def test_plain_http_avoids_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in plain http goes to loopback and to no proxy, whatever the environment says."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            ReportService(url, StaticToken("t"), trust_environment=True) as service,
            pytest.raises(ServiceUnreachable, match="connection refused"),
        ):
            service.accounts()

        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is no address is a matter of settings; the address may hold a password."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:canary@proxy")
    with pytest.raises(ConfigError, match="check HTTPS_PROXY") as caught:
        ReportService("https://h/voice", StaticToken("t"), trust_environment=True)

    assert "canary" not in f"{caught.value!r}{caught.value.__context__!r}"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_file_without_roots(tmp_path: Path, content: bytes | None) -> None:
    """A file of root certificates that holds none is refused by its name."""
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=r"ca_bundle: .*roots\.pem: .*give a PEM file"):
        ReportService("https://h/voice", StaticToken("t"), ca_bundle=str(file))


def test_abort_in_tls(server: TlsServer) -> None:
    """A request over TLS that stalls ends within a second once it is aborted."""
    server.answer = ACCOUNTS[:40]
    with (
        ReportService(server.url, StaticToken("t"), ca_bundle=ROOT) as service,
        ThreadPoolExecutor() as pool,
    ):
        waiting = pool.submit(service.accounts)
        assert server.has_answered.wait(5)
        service.abort()

        error = waiting.exception(timeout=1)
    assert isinstance(error, ApiError)
    assert "given up" in str(error)


def test_abort_in_a_handshake() -> None:
    """A server that takes the connection and never speaks TLS does not hold up an abort."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        ReportService(f"https://127.0.0.1:{silent.getsockname()[1]}", StaticToken("t")) as service,
        ThreadPoolExecutor() as pool,
    ):
        waiting = pool.submit(service.accounts)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)
            service.abort()

            error = waiting.exception(timeout=1)
    assert isinstance(error, ApiError)
    assert "given up" in str(error)
