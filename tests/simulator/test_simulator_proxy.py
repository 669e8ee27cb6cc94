from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from cdr_engine.simulator import BYTE_FAULTS, TOKEN, History, Proxy, Simulator
from cdr_engine.simulator.byte_faults import SLOW

ACCOUNTS = "/voice/api/v1/admin/accounts"
REPORT = f"{ACCOUNTS}/13670001/reportsStreaming"
QUICK = sorted(set(BYTE_FAULTS) - SLOW)


@pytest.fixture(scope="module")
def service(history: History) -> Iterator[Simulator]:
    """A simulator to stand behind."""
    with Simulator(history) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def proxy(service: Simulator) -> Iterator[Proxy]:
    """A proxy before it that is patient for a second."""
    with Proxy(service.base_url, stall_s=1, drip_s=0) as running:
        yield running


def ask(address: str, body: Any, path: str = REPORT) -> socket.socket:
    """Send a request for a report; gives the connection."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    connection = socket.create_connection((parts.hostname, parts.port or 80), timeout=10)
    content = json.dumps(body).encode() if body else b""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: bearer {TOKEN}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


def raw(address: str, body: Any, path: str = REPORT) -> bytes:
    """Return every byte of an answer."""
    with ask(address, body, path) as connection, connection.makefile("rb") as file:
        try:
            return file.read()
        except ConnectionResetError:
            return b"reset"


def timeless(answer: bytes) -> bytes:
    """Return an answer without the time at which it was made: in its head, and in an error."""
    return re.sub(rb"(?i)\r\ndate: [^\r]*", b"", answer).partition(b'"timestamp"')[0]


def content(answer: bytes) -> bytes:
    """Return the body of an answer that came in chunks, as far as the chunks are whole."""
    rest = answer.partition(b"\r\n\r\n")[2]
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


@pytest.fixture(scope="module")
def request_body(make_request: Callable[..., Any]) -> Any:
    """A request for a day."""
    return make_request(end="2024-03-04 23:59:59")


@pytest.fixture(scope="module")
def whole(service: Simulator, request_body: Any) -> bytes:
    """The body as the service sends it."""
    return content(raw(service.base_url, request_body))


def test_answers_pass(
    proxy: Proxy, service: Simulator, request_body: Any, make_request: Callable[..., Any]
) -> None:
    """Without a fault every byte passes, on one connection again and again."""
    proxy.set_fault("")
    parts = urlsplit(proxy.base_url)
    client = http.client.HTTPConnection(str(parts.hostname), parts.port)
    headers = {"Authorization": f"bearer {TOKEN}"}
    bodies = []
    for asked in (request_body, make_request(), request_body):
        client.request("POST", REPORT, json.dumps(asked), headers)
        bodies.append(client.getresponse().read())
    client.close()

    assert bodies[0] == bodies[2] == content(raw(service.base_url, request_body))
    assert bodies[1].startswith(bodies[0].rstrip())
    assert [] == proxy.struck


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_strikes_once(fault: str, proxy: Proxy, request_body: Any, whole: bytes) -> None:
    """A fault spoils the answer whose turn it is, the same way for the same seed, and no other."""
    spoilt = []
    for seed in (1, 1, 2):
        proxy.set_fault(f"ok,{fault}", seed)
        assert whole == content(raw(proxy.base_url, request_body))
        spoilt.append(raw(proxy.base_url, request_body))
        assert [fault] == proxy.struck
        assert whole == content(raw(proxy.base_url, request_body))

    if fault != "reset":
        assert timeless(spoilt[0]) == timeless(spoilt[1])
    assert not spoilt[0].endswith(b"\r\n0\r\n\r\n") or whole not in spoilt[0]


@pytest.mark.parametrize("seed", range(5))
def test_places_of_cuts(seed: int, proxy: Proxy, request_body: Any, whole: bytes) -> None:
    """A cut is where its name says: in the head, between chunks, in a record or between two."""

    def cut(name: str) -> bytes:
        proxy.set_fault(name, seed)
        return raw(proxy.base_url, request_body)

    assert b"\r\n\r\n" not in cut("cut-head")
    assert cut("cut-between-chunks").endswith(b"\r\n")
    assert whole == content(cut("cut-before-last"))
    within, between = content(cut("cut-record")), content(cut("cut-between-records"))
    assert whole.startswith(within)
    assert whole.startswith(between)
    assert between.endswith(b"\n")
    assert not within.endswith(b"\n")
    assert len(between) < len(whole)


def test_gzip(proxy: Proxy, request_body: Any, whole: bytes) -> None:
    """Members of gzip hold the whole report; a cut stream does not end, a wrong sum is found."""
    for seed in range(6):
        proxy.set_fault("gzip-members,gzip-cut,gzip-crc", seed)
        coded = []
        for _ in range(3):
            answer = raw(proxy.base_url, request_body)
            is_chunked = b"chunked" in answer.partition(b"\r\n\r\n")[0]
            coded.append(content(answer) if is_chunked else answer.partition(b"\r\n\r\n")[2])
        assert whole == gzip.decompress(coded[0])
        with pytest.raises(EOFError):
            gzip.decompress(coded[1])
        with pytest.raises(gzip.BadGzipFile, match="CRC"):
            gzip.decompress(coded[2])


def test_reset(proxy: Proxy, request_body: Any) -> None:
    """A reset is one of TCP, not an end."""
    proxy.set_fault("reset-at-once")
    with ask(proxy.base_url, request_body) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


@pytest.mark.parametrize("fault", ["stall", "stall-at-once", "long-length-stall"])
def test_silence(fault: str, proxy: Proxy, request_body: Any) -> None:
    """A stalled connection stays open for as long as the proxy is patient, and then ends."""
    proxy.set_fault(fault)
    began = time.monotonic()
    raw(proxy.base_url, request_body)

    assert 1 <= time.monotonic() - began < 5


def test_drip(proxy: Proxy, request_body: Any, whole: bytes) -> None:
    """A drip is the whole report, byte by byte from some place on."""
    proxy.set_fault("drip", 3)

    assert whole == content(raw(proxy.base_url, request_body))


def test_silence_does_not_outlive_the_proxy(service: Simulator, request_body: Any) -> None:
    """Leaving the proxy ends a silence, and every thread."""
    with Proxy(service.base_url, "stall-at-once", stall_s=3600) as proxy:
        connection = ask(proxy.base_url, request_body)
        while not proxy.struck:
            time.sleep(0.01)
        began = time.monotonic()

    assert time.monotonic() - began < 5
    assert b"" == connection.recv(1)
    connection.close()


def test_target(proxy: Proxy, request_body: Any, whole: bytes) -> None:
    """Only requests whose path ends in the target meet the fault."""
    proxy.set_fault("hang-up*")
    assert b'"accountId"' in raw(proxy.base_url, None, ACCOUNTS)
    assert b"" == raw(proxy.base_url, request_body)
    proxy.target = "/accounts"
    try:
        assert b"" == raw(proxy.base_url, None, ACCOUNTS)
        assert whole == content(raw(proxy.base_url, request_body))
    finally:
        proxy.target = "/reportsStreaming"


def test_answer_without_a_body(proxy: Proxy, service: Simulator, request_body: Any) -> None:
    """An answer with nothing to spoil passes and is not counted."""
    proxy.set_fault("cut-chunk")
    service.set_fault("204")

    assert raw(proxy.base_url, request_body).startswith(b"HTTP/1.1 204 ")
    assert [] == proxy.struck


def test_unknown_byte_fault(service: Simulator) -> None:
    """A fault that is none is refused at once, with the names there are."""
    with pytest.raises(ValueError, match="cut-between-chunks"):
        Proxy(service.base_url, "nonsense")
