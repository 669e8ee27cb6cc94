"""What the service, or the way to it, can answer instead of a report, and what is said about it."""

from __future__ import annotations

import logging
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from cdr_engine.api import ApiToken, ReportService, StaticToken
from cdr_engine.api.faults import HTTPX_FAULTS, retry_after_s, unreachable, within_body
from cdr_engine.errors import (
    AuthError,
    CdrError,
    ConfigError,
    IncompleteReport,
    ServiceRefused,
    ServiceUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Http, RawServer

    from cdr_engine.api import ReportRequest

    Connect = Callable[..., ReportService]

PLAIN = "Content-Type: text/plain"
NO_PERMISSION = "You do not have permission to access this resource"
FORBIDDEN = (
    b'{"errorCode":"access.denied.exception","generalMessage":"%b","timestamp":1611847650696}'
    % NO_PERMISSION.encode()
)
FORBIDDEN_VARIANT = (
    b'{"details":"","developerMessage":"Access is denied.","cause":"","generalMessage":"%b",'
    b'"requestUri":"/voice/api/v1 - POST","timestamp":1611847650696}' % NO_PERMISSION.encode()
)
SERVER_ERROR = (
    b'{"cause":null,"generalMessage":"An Internal Server Error occurred while processing this '
    b'request","validationErrors":[],"timestamp":1}'
)
PLATFORM_429 = b'{"errors":[{"errorCode":"CMN-301","message":"Request rate exceeded"}]}'


class Renewable(StaticToken):
    """A token source with a second token."""

    def __init__(self) -> None:
        super().__init__("first-token")
        self.renewals = 0

    def renew(self, refused: dict[str, str] | None = None) -> bool:  # noqa: ARG002
        """Change to the second token."""
        self.renewals += 1
        self._value = "second-token"
        return True


def refused(service: ReportService, request: ReportRequest, kind: type[CdrError]) -> CdrError:
    """Ask for a report and return the error of the given class, checked for what must not leak."""
    with pytest.raises(kind) as caught, service.report(request) as body:
        list(body)
    text = f"{caught.value}{caught.value!r}"
    assert "\n" not in text
    assert caught.value.__cause__ is None
    assert not isinstance(caught.value.__context__, HTTPX_FAULTS)
    return caught.value


@pytest.mark.parametrize("text", [b"Jwt is expired", b"JWT is expired.", b"", b"Unauthorized"])
def test_401_is_renewed_once(
    connect: Connect,
    servers: list[RawServer],
    http: type[Http],
    request_: ReportRequest,
    text: bytes,
) -> None:
    """A refused token is renewed and the request repeated with the new one."""
    token = Renewable()
    service = connect(http.sized(401, text, PLAIN), http.chunked(b"a,b\n"), token=token)

    with service.report(request_) as body:
        assert list(body) == [b"a,b\n"]

    assert token.renewals == 1
    assert b"Bearer first-token" in servers[0].requests[0]
    assert b"Bearer second-token" in servers[0].requests[1]


def test_401_again_after_renewal(
    connect: Connect, servers: list[RawServer], http: type[Http], request_: ReportRequest
) -> None:
    """A renewed token that is refused too is an error, after two requests."""
    service = connect(http.sized(401, b"Jwt is expired", PLAIN), token=Renewable())

    refused(service, request_, AuthError)

    assert len(servers[0].requests) == 2


@pytest.mark.parametrize(
    ("status", "text"), [(401, b"Jwt is expired"), (401, b"?"), (403, b"JWT is EXPIRED.")]
)
def test_expired_static_token(
    connect: Connect, http: type[Http], request_: ReportRequest, status: int, text: bytes
) -> None:
    """A ready token that is refused says which variable to set."""
    error = refused(connect(http.sized(status, text, PLAIN)), request_, AuthError)

    assert "CDR_ENGAGE_TOKEN" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (403, FORBIDDEN, NO_PERMISSION),
        (403, FORBIDDEN_VARIANT, NO_PERMISSION),
        (404, b'{"generalMessage":"The resource you have requested does not exist"}', "not exist"),
        (400, b'{"generalMessage":"The supplied data is not valid"}', "not valid"),
        (500, SERVER_ERROR, "An Internal Server Error occurred"),
        (503, b"<html>down</html>", "503"),
        (500, b'{"generalMessage":', "500"),
        (500, b'{"generalMessage":7}', "500"),
        (429, PLATFORM_429, "Request rate exceeded"),
        (202, b"a,b\n", "202"),
        (206, b"a,b\n", "206"),
    ],
)
def test_refused(
    connect: Connect,
    http: type[Http],
    request_: ReportRequest,
    status: int,
    body: bytes,
    message: str,
) -> None:
    """A status that is not a documented success carries its number and the general message."""
    error = refused(connect(http.json(status, body)), request_, ServiceRefused)

    assert isinstance(error, ServiceRefused)
    assert error.status == status
    assert error.retry_after_s is None
    assert message in str(error)


def test_refusal_with_a_broken_body(
    connect: Connect, http: type[Http], request_: ReportRequest
) -> None:
    """The status counts even if the body that explains it breaks off."""
    service = connect([http.head(500, "Content-Length: 100"), b'{"gen'])

    error = refused(service, request_, ServiceRefused)

    assert "answered 500" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(
    connect: Connect,
    servers: list[RawServer],
    http: type[Http],
    request_: ReportRequest,
    status: int,
) -> None:
    """A redirect is refused and not followed."""
    service = connect(http.sized(status, b"", "Location: http://127.0.0.1:1/?token=x"))

    error = refused(service, request_, ServiceRefused)

    assert "redirect" in str(error)
    assert "127.0.0.1:1" not in str(error)
    assert len(servers[0].requests) == 1


@pytest.mark.parametrize(("status", "field", "seconds"), [(429, "30", 30.0), (503, " 7 ", 7.0)])
def test_retry_after_in_seconds(
    connect: Connect,
    http: type[Http],
    request_: ReportRequest,
    status: int,
    field: str,
    seconds: float,
) -> None:
    """Seconds to wait are handed on."""
    service = connect(http.json(status, PLATFORM_429, f"Retry-After: {field}"))

    error = refused(service, request_, ServiceRefused)

    assert isinstance(error, ServiceRefused)
    assert error.retry_after_s == seconds


def test_retry_after_as_a_date() -> None:
    """A date to wait for becomes seconds from now, none if it is past."""
    soon, past = (datetime.now(UTC) + timedelta(seconds=s) for s in (90, -90))

    assert retry_after_s({"retry-after": format_datetime(soon, usegmt=True)}) == pytest.approx(
        89, abs=2
    )
    assert retry_after_s({"retry-after": format_datetime(past, usegmt=True)}) == 0


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "²", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_retry_after_that_means_nothing(value: str) -> None:
    """An unreadable Retry-After is as good as none."""
    assert retry_after_s({"retry-after": value}) is None


def test_message_is_scrubbed(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """What the service echoes is one short line without token, token-like text or phone number."""
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"
    text = f"no {http.token} nor {jwt} for +1 (231) 286-6364 or 2312866364\\n\\u0000" + "x " * 999
    error = refused(
        connect(http.json(500, b'{"generalMessage":"%b"}' % text.encode())),
        request_,
        ServiceRefused,
    )

    assert "no *** nor *** for *** or ***" in str(error)
    assert len(str(error)) < 300


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Give a port that is bound but does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_connection_refused(closed_port: int, request_: ReportRequest) -> None:
    """A refused connection names host, port and what to check."""
    with ReportService(f"http://127.0.0.1:{closed_port}", StaticToken("t0ken")) as service:
        error = refused(service, request_, ServiceUnreachable)

    assert str(error).startswith(f"127.0.0.1:{closed_port}: connection refused")
    assert "--base-url" in str(error)


def test_unknown_host(monkeypatch: pytest.MonkeyPatch, request_: ReportRequest) -> None:
    """A name that does not resolve is said to be that."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with ReportService("https://cdr.invalid/voice", StaticToken("t0ken")) as service:
        error = refused(service, request_, ServiceUnreachable)

    assert str(error).startswith("cdr.invalid:443: the host name cannot be resolved")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([], id="closed at once"),
        pytest.param(["reset"], id="reset at once"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Ty"], id="cut in the header"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Ty", "reset"], id="reset in the header"),
        pytest.param([b"SSH-2.0-OpenSSH\r\n\r\n"], id="not HTTP"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"], id="length no number"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
            id="two lengths",
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"], id="coding"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000], id="endless header"),
    ],
)
def test_no_answer(connect: Connect, request_: ReportRequest, script: list[bytes]) -> None:
    """A connection that breaks, or speaks no HTTP, before an answer is the way's fault."""
    error = refused(connect(script), request_, ServiceUnreachable)

    assert str(error).startswith("127.0.0.1:")


def test_reason_in_tls() -> None:
    """An untrusted certificate is told from other failures of TLS."""
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate"
    for cause, message in (
        (untrusted, r"certificate is not trusted \(self-signed certificate\)"),
        (ssl.SSLError(1, "wrong version number"), "TLS failed"),
    ):
        error = httpx.ConnectError("canary")
        error.__cause__ = cause

        assert re.search(message, str(unreachable(error, "host:443")))


def test_answer_too_late(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """No status line within the answer timeout is an unreachable service."""
    service = connect([http.stall], answer_timeout_s=0.2)

    assert "nothing came" in str(refused(service, request_, ServiceUnreachable))


def subclasses(kind: type[BaseException]) -> set[type[BaseException]]:
    """Give the class and everything below it."""
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize(
    "kind", sorted(set().union(*map(subclasses, HTTPX_FAULTS)), key=lambda kind: kind.__name__)
)
def test_every_httpx_exception_is_mapped(kind: type[Exception]) -> None:
    """Whatever httpx raises has an error of the engine, which does not quote it."""
    error = kind.__new__(kind)
    error.args = ("https://u:canary@host/?q=canary",)

    before = unreachable(error, "host:443")
    within = within_body(error, "the report", 17)

    assert isinstance(before, ServiceUnreachable | ConfigError)
    assert isinstance(within, IncompleteReport)
    assert "canary" not in f"{before!r}{within!r}"
    assert "after 17 bytes" in str(within)


def test_httpx_has_no_other_exceptions() -> None:
    """Every exception httpx exports, but for that of cookies, descends from the mapped roots."""
    exported = [getattr(httpx, name) for name in httpx.__all__]
    kinds = [e for e in exported if isinstance(e, type) and issubclass(e, Exception)]

    assert [k for k in kinds if not issubclass(k, HTTPX_FAULTS)] == [httpx.CookieConflict]


@pytest.mark.parametrize("source", [StaticToken, ApiToken])
def test_canary(
    connect: Connect,
    http: type[Http],
    request_: ReportRequest,
    caplog: pytest.LogCaptureFixture,
    source: type[StaticToken],
) -> None:
    """The token is in no message, representation or log record, even at level DEBUG."""
    answers = [
        http.json(401, http.token.encode()),
        http.json(403, FORBIDDEN),
        http.json(500, b'{"generalMessage":"%b"}' % http.token.encode()),
        http.sized(200, http.token.encode(), "Content-Type: text/html"),
        http.sized(200, b"{" + http.token.encode(), "Content-Type: text/csv"),
        http.sized(302, b"", f"Location: http://h/?{http.token}"),
        b"HTTP/1.1 " + http.token.encode() + b"\r\n\r\n",
    ]
    token = source(http.token)
    service = connect(*answers, token=token)
    seen = [repr(token), repr(service)]
    with caplog.at_level(logging.DEBUG):
        for _ in answers:
            body = service.report(request_)
            error = refused(service, request_, CdrError)
            seen += [repr(error), str(error), repr(body), repr(error.__context__)]
        seen += [record.getMessage() for record in caplog.records]

    assert not [text for text in seen if http.token in text]
    assert not caplog.records


def test_a_token_no_header_can_carry(connect: Connect, request_: ReportRequest) -> None:
    """A token source that breaks the header does not get its value into the message."""

    class Broken(StaticToken):
        def headers(self) -> dict[str, str]:
            return {"Authorization": "Bearer canary\r\nX: y"}

    error = refused(connect([], token=Broken("t")), request_, ConfigError)

    assert "canary" not in f"{error!r}{error.__context__!r}"
