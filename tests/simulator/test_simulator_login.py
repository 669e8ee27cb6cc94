from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cdr_engine.simulator import Switches

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def post(caller: Any, path: str, **form: str) -> httpx.Response:
    """Post a form to a path below the origin."""
    return caller.client.post(caller.simulator.origin + path, data=form)


def oauth(caller: Any, **form: str) -> httpx.Response:
    """Ask for a RingCentral token."""
    url = caller.simulator.origin + "/restapi/oauth/token"
    return httpx.post(url, data=form, auth=("client", "secret"))


def exchange(caller: Any, **form: str) -> dict[str, Any]:
    """Log in by JWT and return the answer of the exchange."""
    token = oauth(caller, grant_type=JWT, assertion="a.b.c").json()["access_token"]
    path = "/api/auth/login/rc/accesstoken"
    return post(caller, path, rcAccessToken=token, rcTokenType="Bearer", **form).json()


def opens(caller: Any, token: str, header: str = "Authorization", scheme: str = "Bearer ") -> bool:
    """Whether a token is accepted."""
    url = caller.simulator.base_url + "/api/v1/admin/accounts"
    return httpx.get(url, headers={header: scheme + token}).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": JWT, "assertion": "a.b.c"},
        {"grant_type": "password", "username": "u", "password": "p", "extension": "1"},
    ],
)
def test_oauth(shared: Any, form: dict[str, str]) -> None:
    """A JWT or a password is worth a RingCentral token and a refresh token, with lifetimes."""
    answer = oauth(shared, **form).json()

    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 3599
    assert answer["access_token"] != answer["refresh_token"]


def test_oauth_refresh_is_single_use(shared: Any) -> None:
    """A RingCentral refresh token works once."""
    token = oauth(shared, grant_type=JWT, assertion="a.b.c").json()["refresh_token"]
    codes = [
        oauth(shared, grant_type="refresh_token", refresh_token=token).status_code for _ in range(2)
    ]

    assert codes == [200, 400]


@pytest.mark.parametrize(
    "form", [{}, {"grant_type": JWT}, {"grant_type": "refresh_token", "refresh_token": "x"}]
)
def test_oauth_refuses(shared: Any, form: dict[str, str]) -> None:
    """A grant that lacks what it needs is a 400 with an OAuth error."""
    answer = oauth(shared, **form)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_oauth_without_client(shared: Any) -> None:
    """Without client credentials there is no token."""
    form = {"grant_type": JWT, "assertion": "a"}
    answer = httpx.post(shared.simulator.origin + "/restapi/oauth/token", data=form)

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_exchange(shared: Any) -> None:
    """A RingCentral token is worth an Engage token; a refresh token comes only when asked for."""
    plain, full = exchange(shared), exchange(shared, includeRefresh="true")

    assert opens(shared, plain["accessToken"])
    assert plain["refreshToken"] is None
    assert full["refreshToken"]
    assert full["tokenType"] == "Bearer"


def test_jwt_that_is_not_known(with_switches: Callable[..., Any]) -> None:
    """A revoked JWT is worth nothing: a 400 with an OAuth error."""
    answer = oauth(with_switches(jwt_refused=True), grant_type=JWT, assertion="a.b.c")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_exchange_limit(with_switches: Callable[..., Any]) -> None:
    """Beyond the limit an exchange is refused, with the seconds until the next one."""
    caller = with_switches(exchange_limit="1/60s")
    exchange(caller)
    token = oauth(caller, grant_type=JWT, assertion="a.b.c").json()["access_token"]
    answer = post(caller, "/api/auth/login/rc/accesstoken", rcAccessToken=token)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60


def test_exchange_of_a_foreign_token(shared: Any) -> None:
    """A token that the service has not issued is worth nothing."""
    answer = post(shared, "/api/auth/login/rc/accesstoken", rcAccessToken="x")

    assert answer.status_code == 401


def test_refresh_rotates(shared: Any) -> None:
    """A refresh gives a new pair, and the old refresh token is spent."""
    old = exchange(shared, includeRefresh="true")["refreshToken"]
    new = post(shared, "/api/auth/token/refresh", refresh_token=old).json()

    assert opens(shared, new["accessToken"])
    assert new["refreshToken"] != old
    assert post(shared, "/api/auth/token/refresh", refresh_token=old).status_code == 401


def test_token_expires(with_switches: Callable[..., Any]) -> None:
    """A token works for its lifetime and then no longer; the configured one never expires."""
    caller = with_switches(token_lifetime_s=0.3)
    token = exchange(caller)["accessToken"]

    assert opens(caller, token)
    time.sleep(0.32)
    assert not opens(caller, token)
    assert opens(caller, caller.simulator.token)


def test_tokens_live_five_minutes() -> None:
    """The documented lifetime of an Engage token is five minutes."""
    assert Switches().token_lifetime_s == 300


def test_admin_login(shared: Any) -> None:
    """User and password are worth a token without a RingCentral account, as query or form."""
    url = shared.simulator.origin + "/api/auth/login/admin"
    query = {"username": "u", "password": "p", "platformId": "sim"}
    answer = httpx.post(url, params=query)

    assert opens(shared, answer.json()["accessToken"])
    assert answer.json()["refreshToken"]
    assert httpx.post(url, params={"username": "u"}).status_code == 401


def test_legacy_login(shared: Any) -> None:
    """A legacy token opens the service as X-Auth-Token, and only so."""
    answer = post(shared, "/api/v1/auth/login", username="u", password="p").json()
    token = answer["authToken"]

    assert opens(shared, token, "X-Auth-Token", "")
    assert not opens(shared, token)
    assert answer["accounts"][0]["accountId"] == "13670001"
    assert post(shared, "/api/v1/auth/login", username="u").status_code == 401


def test_permanent_token(shared: Any) -> None:
    """A permanent token is made, listed, accepted, removed, and then no longer accepted."""
    url = shared.simulator.base_url + "/api/v1/admin/token"
    validity = shared.simulator.base_url + "/api/v1/auth/isTokenValid"
    token = shared.client.post(url).text

    assert token.startswith("sim01:")
    assert token in shared.client.get(url).json()
    assert opens(shared, token, "X-Auth-Token", "")
    assert shared.client.get(validity, params={"token": token}).json() is True
    assert shared.client.delete(f"{url}/{token}").json() is True
    assert shared.client.get(validity, params={"token": token}).json() is False
    assert not opens(shared, token, "X-Auth-Token", "")


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", ""), ("DELETE", "/x")])
def test_permanent_token_needs_a_token(shared: Any, method: str, path: str) -> None:
    """Permanent tokens are for those who are in already."""
    url = f"{shared.simulator.base_url}/api/v1/admin/token{path}"

    assert httpx.request(method, url).status_code == 401
