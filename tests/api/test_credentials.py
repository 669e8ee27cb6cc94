from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cdr_engine.api import ReportService, RingCentralApp, TokenSource, token_source
from cdr_engine.errors import AuthError, ConfigError, ServiceRefused
from cdr_engine.simulator import Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable

APP = RingCentralApp("client-canary-1", "secret-canary-2", "jwt-canary-3")
EXCHANGE = "/api/auth/login/rc/accesstoken"
REFRESH = "/api/auth/token/refresh"


def origin(simulator: Simulator) -> str:
    """Where auth paths stand."""
    return simulator.base_url.removesuffix("/voice")


def bought(simulator: Simulator) -> TokenSource:
    """A token bought with a JWT."""
    return token_source(app=APP, base_url=simulator.base_url, rc_server_url=origin(simulator))


def asked(simulator: Simulator, path: str) -> int:
    """How often a path was asked for."""
    return sum(request.path == path for request in simulator.requests)


def test_exchange_opens_the_service() -> None:
    """A JWT leads to the list of accounts."""
    with Simulator() as simulator, ReportService(simulator.base_url, bought(simulator)) as service:
        assert service.accounts()


def test_fifty_threads_one_exchange() -> None:
    """Fifty threads that need a token at once cause one exchange and share its token."""
    with Simulator() as simulator, ThreadPoolExecutor(50) as pool:
        token = bought(simulator)
        gate = threading.Barrier(50)

        def ask(_: int) -> str:
            gate.wait(10)
            return token.headers()["Authorization"]

        assert 1 == len(set(pool.map(ask, range(50))))
        assert 1 == asked(simulator, EXCHANGE)


def test_refusal_of_an_old_token_keeps_the_newer() -> None:
    """Fifty threads whose 401 concerned one token cause one renewal."""
    with Simulator() as simulator, ThreadPoolExecutor(50) as pool:
        token = bought(simulator)
        old = token.headers()

        assert all(pool.map(lambda _: token.renew(old), range(50)))
        assert old != token.headers()
        assert (1, 1) == (asked(simulator, EXCHANGE), asked(simulator, REFRESH))


def test_renewed_ahead_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past four fifths of its life a token is refreshed, each time with the rotated one."""
    monkeypatch.setattr("cdr_engine.api.credentials.LIFETIME_S", 0.5)
    with Simulator(switches=Switches(token_lifetime_s=0.5)) as simulator:
        with ReportService(simulator.base_url, bought(simulator)) as service:
            for _ in range(4):
                assert service.accounts()
                time.sleep(0.45)
        refused = [request.status for request in simulator.requests if request.status == 401]

        assert [] == refused
        assert (1, 3) == (asked(simulator, EXCHANGE), asked(simulator, REFRESH))


def test_expiry_between_requests() -> None:
    """A token that ended sooner than expected is renewed after the 401, and the call repeated."""
    with Simulator(switches=Switches(token_lifetime_s=0.3)) as simulator:
        with ReportService(simulator.base_url, bought(simulator)) as service:
            assert service.accounts()
            time.sleep(0.4)
            assert service.accounts()

        assert 401 in [request.status for request in simulator.requests]
        assert (1, 1) == (asked(simulator, EXCHANGE), asked(simulator, REFRESH))


def ok(body: bytes) -> bytes:
    """A whole JSON answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


OAUTH = ok(b'{"access_token": "rc-canary-4"}')
FIRST = ok(b'{"accessToken": "one-canary-5", "refreshToken": "ref-canary-6"}')
SECOND = ok(b'{"accessToken": "two-canary-7", "refreshToken": null}')


def refusal(status: int, body: bytes, field: bytes = b"X-Any: 1") -> bytes:
    """A whole answer that refuses."""
    head = b"HTTP/1.1 %d No\r\n%b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, field, len(body)) + body


@pytest.fixture
def logins(connect: Callable[..., ReportService]) -> Callable[..., TokenSource]:
    """Give a token source whose logins are answered as scripted."""

    def start(*answers: bytes) -> TokenSource:
        url = repr(connect(*answers)).split("'")[1]
        return token_source(app=APP, base_url=url, rc_server_url=url)

    return start


def test_spent_refresh_token(logins: Callable[..., TokenSource]) -> None:
    """Where the refresh token is refused, the JWT buys a new token."""
    token = logins(OAUTH, FIRST, refusal(401, b"Jwt is expired"), OAUTH, SECOND)
    old = token.headers()

    assert token.renew(old)
    assert {"Authorization": "Bearer two-canary-7"} == token.headers()


def test_waits_as_long_as_told(logins: Callable[..., TokenSource]) -> None:
    """A 429 of the exchange is waited out and tried again."""
    token = logins(OAUTH, refusal(429, b"", b"Retry-After: 0"), OAUTH, FIRST)

    assert {"Authorization": "Bearer one-canary-5"} == token.headers()


def test_wait_beyond_the_budget(logins: Callable[..., TokenSource]) -> None:
    """A 429 that asks for an hour is not waited out."""
    with pytest.raises(ServiceRefused) as caught:
        logins(OAUTH, refusal(429, b"", b"Retry-After: 3600")).headers()

    assert 3600 == caught.value.retry_after_s


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_nothing_secret_is_said(
    logins: Callable[..., TokenSource], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """No credential stands in an error, a repr or a log, even where the service echoes them."""
    caplog.set_level(logging.DEBUG)
    echo = b'{"message": "client-canary-1 secret-canary-2 jwt-canary-3 rc-canary-4"}'
    token = logins(OAUTH, refusal(status, echo))
    with pytest.raises((AuthError, ServiceRefused)) as caught:
        token.headers()

    said = f"{caught.value!r} {caught.value} {token!r} {APP!r} {caplog.text}"
    assert "canary-3" not in said
    assert "canary-4" not in said
    assert "canary-2" not in said


def test_half_of_the_credentials() -> None:
    """A JWT without its client is refused before anything is sent."""
    app = RingCentralApp("", "", "jwt")
    with pytest.raises(ConfigError, match="belong together"):
        token_source(app=app, base_url="https://a/voice", rc_server_url="https://b")


def test_plain_http_to_the_login_server() -> None:
    """Credentials do not leave the machine in the clear."""
    with pytest.raises(ConfigError, match="rc_server_url would send"):
        token_source(app=APP, base_url="https://a/voice", rc_server_url="http://b")
