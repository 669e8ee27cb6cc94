from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cdr_engine.api import (
    EngageLogin,
    ReportService,
    RingCentralApp,
    StaticToken,
    TokenSource,
    token_source,
)
from cdr_engine.errors import AuthError, ConfigError, ServiceRefused, ServiceUnreachable
from cdr_engine.simulator import Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RawServer

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

    def start(*answers: bytes | list[bytes | str | float]) -> TokenSource:
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


def test_exchange_limit_of_the_service() -> None:
    """Where the service allows no other exchange yet, the token waits as long as it is told."""
    with Simulator(switches=Switches(exchange_limit="1/1s")) as simulator:
        first, second = bought(simulator), bought(simulator)
        first.headers()
        began = time.monotonic()

        assert second.headers() != first.headers()
        assert time.monotonic() - began > 0.5
        statuses = [seen.status for seen in simulator.requests if seen.path == EXCHANGE]
        assert [200, 429, 200] == statuses


def test_abort_of_a_wait(logins: Callable[..., TokenSource], servers: list[RawServer]) -> None:
    """A thread that waits for a token fails within a second once another aborts the work."""
    token = logins(OAUTH, refusal(429, b"", b"Retry-After: 100"))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(token.headers)
        ends = time.monotonic() + 5
        while len(servers[0].requests) < 2 and time.monotonic() < ends:
            time.sleep(0.01)
        time.sleep(0.1)
        token.abort()

        with pytest.raises(ServiceUnreachable, match="given up"):
            waiting.result(timeout=1)
    with pytest.raises(ServiceUnreachable, match="given up"):
        token.headers()


def test_failure_is_shared(logins: Callable[..., TokenSource], servers: list[RawServer]) -> None:
    """Threads that waited for a login that failed share its failure and ask no login of theirs."""
    token = logins([0.5, refusal(401, b"")])
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(token.headers) for _ in range(8)]
        errors = [waiting.exception(timeout=5) for waiting in found]

    assert {AuthError} == {type(error) for error in errors}
    assert 1 == len(servers[0].requests)
    assert "check CDR_RC_CLIENT_ID" in str(errors[0])


def test_token_is_used_while_another_thread_renews_it(
    logins: Callable[..., TokenSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewing ahead of the end holds up one thread; the others go on with the old token."""
    monkeypatch.setattr("cdr_engine.api.credentials.MARGIN", 1)
    token = logins(OAUTH, FIRST, [0.5, SECOND])
    old = token.headers()
    with ThreadPoolExecutor() as pool:
        renewing = pool.submit(token.headers)
        time.sleep(0.1)

        assert old == token.headers()
        assert not renewing.done()
        assert {"Authorization": "Bearer two-canary-7"} == renewing.result(timeout=5)


def test_renewal_ahead_that_fails(
    logins: Callable[..., TokenSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a token cannot be renewed ahead of its end, it goes on being used."""
    monkeypatch.setattr("cdr_engine.api.credentials.MARGIN", 1)
    token = logins(OAUTH, FIRST, refusal(503, b""))

    assert token.headers() == token.headers()


def test_refused_while_a_renewal_ahead_fails(
    logins: Callable[..., TokenSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread whose token was refused does not take over the failure of a renewal ahead."""
    monkeypatch.setattr("cdr_engine.api.credentials.MARGIN", 1)
    token = logins(OAUTH, FIRST, [0.5, refusal(401, b"")], refusal(503, b""), OAUTH, SECOND)
    old = token.headers()
    with ThreadPoolExecutor() as pool:
        ahead = pool.submit(token.headers)
        time.sleep(0.1)

        assert token.renew(old)
        assert ahead.result(timeout=5)
    assert {"Authorization": "Bearer two-canary-7"} == token.headers()


def test_token_that_expires_under_eight_threads() -> None:
    """Tokens that end in the middle of the work of eight threads fail no request of theirs."""
    with Simulator(switches=Switches(token_lifetime_s=0.2, exchange_limit=None)) as simulator:
        with (
            ReportService(simulator.base_url, bought(simulator)) as service,
            ThreadPoolExecutor(8) as pool,
        ):

            def work(_: int) -> None:
                for _ in range(5):
                    assert service.accounts()
                    time.sleep(0.07)

            list(pool.map(work, range(8)))

        assert 401 in [seen.status for seen in simulator.requests]
        assert 1 == asked(simulator, EXCHANGE)


def test_direct_login() -> None:
    """User and password open a service that knows no RingCentral account, and are not in a URL."""
    with Simulator() as simulator:
        token = token_source(
            login=EngageLogin("user-canary", "password-canary"),
            base_url=simulator.base_url,
            rc_server_url=origin(simulator),
        )
        with ReportService(simulator.base_url, token) as service:
            assert service.accounts()

        assert 0 == asked(simulator, EXCHANGE)
        assert "canary" not in repr([simulator.requests, token, EngageLogin("u-canary", "canary")])


def test_credentials_go_out_in_the_body(
    logins: Callable[..., TokenSource], servers: list[RawServer]
) -> None:
    """No secret stands in the address of a login, which servers write into their logs."""
    logins(OAUTH, FIRST).headers()

    lines = [request.partition(b"\r\n")[0] for request in servers[0].requests]
    assert 2 == len(lines)
    assert b"canary" not in b"".join(lines)
    assert b"assertion=jwt-canary-3" in servers[0].requests[0]


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


def test_login_without_its_password() -> None:
    """A user without a password is refused before anything is sent."""
    with pytest.raises(ConfigError, match="CDR_ENGAGE_PASSWORD"):
        token_source(login=EngageLogin("u", ""), base_url="https://a", rc_server_url="https://b")


def test_ready_token_comes_first() -> None:
    """A ready token is used where credentials are set as well."""
    addresses = {"base_url": "https://a", "rc_server_url": "https://b"}
    token = token_source(engage_token="ready", app=APP, api_token="x", **addresses)

    assert isinstance(token, StaticToken)
    assert {"Authorization": "Bearer ready"} == token.headers()
