"""The endpoints that hand out tokens: OAuth, exchange, refresh, direct and legacy login."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cdr_engine.simulator.centre import Account
from cdr_engine.simulator.faults import Answer
from cdr_engine.simulator.service import ADMIN_ID, as_json, as_response
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.tokens import LEGACY_LIFETIME_S, RC_LIFETIME_S, RateLimiter, TokenBook

__all__ = ["AuthService"]

_REFRESH_LIFETIME_S = 7 * 86_400.0
_FOREVER_S = 1e12
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GRANTS = {
    _JWT_GRANT: "assertion",
    "password": "password",
    "refresh_token": "refresh_token",
}
"""What each grant type has to bring."""

Form = dict[str, str]


class AuthService:
    """
    The part of the service that hands out tokens.

    Any client id, secret, assertion, user and password that is not empty is good enough; tokens
    the service has issued itself are checked.

    Parameters
    ----------
    tokens
        Where tokens are kept.
    accounts
        Named in the answers to logins.
    switches
        How often exchanges are allowed, and whether JWTs are known.
    """

    def __init__(
        self,
        tokens: TokenBook,
        accounts: tuple[Account, ...],
        switches: Switches,
    ) -> None:
        self._exchanges = RateLimiter(switches.exchange_limits)
        self._switches = switches
        self._tokens = tokens
        self._accounts = accounts

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        token = "/voice/api/v1/admin/token"  # noqa: S105
        return [
            Route("/restapi/oauth/token", self.oauth_token, methods=["POST"]),
            Route("/api/auth/login/rc/accesstoken", self.exchange, methods=["POST"]),
            Route("/api/auth/token/refresh", self.refresh, methods=["POST"]),
            Route("/api/auth/login/admin", self.admin_login, methods=["POST"]),
            Route("/api/v1/auth/login", self.legacy_login, methods=["POST"]),
            Route("/voice/api/v1/auth/isTokenValid", self.token_validity),
            Route(token, self.create_token, methods=["POST"]),
            Route(token, self.list_tokens),
            Route(token + "/{token}", self.remove_token, methods=["DELETE"]),
        ]

    async def oauth_token(self, request: Request) -> Response:
        """Hand out a RingCentral token for a JWT, a password or a refresh token."""
        form = await _form(request)
        grant = form.get("grant_type", "")
        if not request.headers.get("authorization", "").lower().startswith("basic "):
            return _oauth_error(401, "invalid_client", "OAU-101", "Client credentials are missing")
        if not form.get(_GRANTS.get(grant, ""), ""):
            return _oauth_error(400, "invalid_grant", "OAU-250", "Grant cannot be used")
        if grant == _JWT_GRANT and self._switches.jwt_refused:
            return _oauth_error(400, "invalid_grant", "OAU-214", "JWT is not known")
        if grant == "refresh_token" and not self._tokens.spend("rc-refresh", form[grant]):
            return _oauth_error(400, "invalid_grant", "OAU-210", "Token not found")
        return as_json(
            {
                "access_token": self._tokens.issue("rc", RC_LIFETIME_S),
                "token_type": "bearer",
                "expires_in": int(RC_LIFETIME_S) - 1,
                "refresh_token": self._tokens.issue("rc-refresh", _REFRESH_LIFETIME_S),
                "refresh_token_expires_in": int(_REFRESH_LIFETIME_S) - 1,
                "scope": "ReadAccounts",
                "owner_id": "256440016",
                "endpoint_id": "simulator",
            }
        )

    async def exchange(self, request: Request) -> Response:
        """Hand out an Engage token for a RingCentral token."""
        form = await _form(request)
        wait_s = self._exchanges.wait_s()
        if wait_s:
            headers = {"Retry-After": str(math.ceil(wait_s))}
            return PlainTextResponse("Too Many Requests", 429, headers)
        if not self._tokens.is_valid("rc", form.get("rcAccessToken", "")):
            return _unauthorized()
        return self._engage_token(include_refresh=form.get("includeRefresh") == "true")

    async def refresh(self, request: Request) -> Response:
        """Hand out a new pair of tokens for a refresh token, which is spent."""
        form = await _form(request)
        if not self._tokens.spend("refresh", form.get("refresh_token", "")):
            return _unauthorized()
        return self._engage_token(include_refresh=True)

    async def admin_login(self, request: Request) -> Response:
        """Hand out an Engage token for a user and password, without a RingCentral account."""
        form = await _form(request)
        if not (form.get("username") and form.get("password")):
            return _unauthorized()
        return self._engage_token(include_refresh=True)

    async def legacy_login(self, request: Request) -> Response:
        """Hand out a legacy token, which each use extends."""
        form = await _form(request)
        if not (form.get("username") and form.get("password")):
            return _unauthorized()
        return as_json(
            {
                "authToken": self._tokens.issue("legacy", LEGACY_LIFETIME_S),
                "accounts": [self._named(account) for account in self._accounts],
                "user": {"userId": ADMIN_ID, "userName": form["username"]},
                "platformHost": request.url.netloc,
            }
        )

    async def create_token(self, request: Request) -> Response:
        """Hand out a permanent API token."""
        if not self._tokens.admits(request.headers):
            return _unauthorized()
        return PlainTextResponse(self._tokens.issue("api", _FOREVER_S, prefix="sim01:"))

    async def list_tokens(self, request: Request) -> Response:
        """List the permanent API tokens."""
        if not self._tokens.admits(request.headers):
            return _unauthorized()
        return as_json(self._tokens.permanent())

    async def remove_token(self, request: Request) -> Response:
        """Remove a permanent API token."""
        if not self._tokens.admits(request.headers):
            return _unauthorized()
        return as_json(self._tokens.spend("api", request.path_params["token"]))

    async def token_validity(self, request: Request) -> Response:
        """Say whether a token would be accepted."""
        return as_json(self._tokens.admits({"x-auth-token": request.query_params.get("token", "")}))

    def _engage_token(self, *, include_refresh: bool) -> Response:
        refresh = self._tokens.issue("refresh", _REFRESH_LIFETIME_S) if include_refresh else None
        main = self._accounts[0].account_id[:-4] + "0000"
        return as_json(
            {
                "refreshToken": refresh,
                "accessToken": self._tokens.issue_access(),
                "tokenType": "Bearer",
                "mainAccountId": main,
                "agentDetails": [],
                "adminId": ADMIN_ID,
                "adminUrl": "/voice/admin/",
                "agentUrl": "/voice/agent/",
                "ssoLogin": True,
            }
        )

    def _named(self, account: Account) -> dict[str, Any]:
        return {"accountId": account.account_id, "accountName": account.name}


async def _form(request: Request) -> Form:
    """Return the form fields of a request, query parameters included."""
    text = (await request.body()).decode("utf-8", "replace")
    return {**request.query_params, **dict(parse_qsl(text))}


def _unauthorized() -> Response:
    return as_response(Answer(401, "text/plain", b"Unauthorized"))


def _oauth_error(status: int, error: str, code: str, message: str) -> Response:
    body = {
        "error": error,
        "error_description": message,
        "errors": [{"errorCode": code, "message": message}],
    }
    return as_response(Answer(status, "application/json", msgspec.json.encode(body)))
