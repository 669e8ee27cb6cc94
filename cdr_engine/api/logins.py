"""
The login servers: what they take, and the tokens that they give for it.

Secrets go out in a form body and never in a query, which servers and proxies write into their logs.
The vendor's pages list some of them as query parameters; its own SDKs send a form as well.
"""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from cdr_engine.api.connections import Timeouts
from cdr_engine.api.exchange import Call, Exchange
from cdr_engine.api.wire import decode
from cdr_engine.errors import AuthError, NotAReport, ServiceRefused

if TYPE_CHECKING:
    from cdr_engine.api.address import Address
    from cdr_engine.api.connections import Route

__all__ = ["Logins", "Pair"]

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_ANSWER_BYTES = 1 << 20
T = TypeVar("T")


class Pair(NamedTuple):
    """An Engage token, what refreshes it (single use), and its life in seconds if it is told."""

    access: str
    refresh: str | None
    lifetime_s: float | None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class WireOAuth(msgspec.Struct):
    access_token: str


class WirePair(msgspec.Struct, rename="camel"):
    access_token: str
    refresh_token: str | None = None
    expires_in: float | None = None


class NoToken:
    """Logins carry their credentials themselves."""

    def headers(self) -> dict[str, str]:
        """Give none."""
        return {}

    def renew(self, refused: dict[str, str]) -> bool:  # noqa: ARG002
        """Return False: there is nothing to renew."""
        return False

    def abort(self) -> None:
        """Nothing: there is no token to wait for."""


class Logins:
    """
    Both login servers; each call has a connection of its own.

    Parameters
    ----------
    service : Address
        Of the report service: auth paths stand at its origin, outside /voice.
    ringcentral : Address
        RingCentral's OAuth server.
    route : Route
        Root certificates and proxies.
    secrets : tuple of str
        What no message may repeat, besides what a login carries.
    timeout_s : float
        For each step of a login.
    """

    def __init__(
        self,
        service: Address,
        ringcentral: Address,
        route: Route,
        *,
        secrets: tuple[str, ...] = (),
        timeout_s: float = 30,
    ) -> None:
        self._secrets = tuple(filter(None, secrets))
        timeouts = Timeouts(timeout_s, timeout_s, timeout_s)
        self._service = service
        self._ringcentral = ringcentral
        self._exchanges = {
            address.peer: Exchange(NoToken(), address.peer, timeouts, route)
            for address in (service, ringcentral)
        }

    def abort(self) -> None:
        """Make every login under way fail, and every later one."""
        for exchange in self._exchanges.values():
            exchange.abort()

    def ringcentral_token(self, client_id: str, client_secret: str, jwt: str) -> str:
        """
        Buy a RingCentral access token with a JWT.

        Raises
        ------
        AuthError
            If the credentials are not accepted.
        ApiError
            If the server cannot be reached, or refuses for another reason.
        """
        basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        call = self._call(
            self._ringcentral.base_url + "/restapi/oauth/token",
            "the RingCentral login",
            {"grant_type": JWT_GRANT, "assertion": jwt},
            "check CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET, CDR_RC_JWT and --rc-server-url",
            {"Authorization": f"Basic {basic}"},
            (basic,),
        )
        return self._post(self._ringcentral, call, WireOAuth).access_token

    def exchange(self, token: str) -> Pair:
        """Exchange a RingCentral token for an Engage token; for errors see `ringcentral_token`."""
        call = self._call(
            self._service.origin + "/api/auth/login/rc/accesstoken?includeRefresh=true",
            "the exchange for an Engage token",
            {"rcAccessToken": token, "rcTokenType": "Bearer"},
            "has the JWT's user access to Engage Voice?",
        )
        return pair(self._post(self._service, call, WirePair))

    def direct(self, user_name: str, password: str, platform_id: str) -> Pair:
        """
        Log in to Engage Voice without RingCentral; for errors see `ringcentral_token`.

        Vendor's page "Authentication with Engage": for accounts that are no RingCentral accounts.
        """
        form = {"username": user_name, "password": password, "platformId": platform_id}
        call = self._call(
            self._service.origin + "/api/auth/login/admin",
            "the Engage login",
            {name: value for name, value in form.items() if value},
            "check CDR_ENGAGE_USER, CDR_ENGAGE_PASSWORD and CDR_ENGAGE_PLATFORM_ID",
        )
        return pair(self._post(self._service, call, WirePair))

    def refresh(self, token: str) -> Pair:
        """Spend a refresh token on a new pair; for errors see `ringcentral_token`."""
        call = self._call(
            self._service.origin + "/api/auth/token/refresh",
            "the refresh of a token",
            {"refresh_token": token, "rcTokenType": "Bearer"},
            "log in again",
        )
        return pair(self._post(self._service, call, WirePair))

    def _call(
        self,
        url: str,
        what: str,
        form: dict[str, str],
        advice: str,
        fields: dict[str, str] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Call:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return Call(
            "POST",
            url,
            what,
            headers | (fields or {}),
            content=urlencode(form).encode(),
            secrets=(*self._secrets, *secrets, *form.values()),
            advice=advice,
        )

    def _post(self, address: Address, call: Call, shape: type[T]) -> T:
        try:
            _, body = self._exchanges[address.peer].read(call, MAX_ANSWER_BYTES)
        except ServiceRefused as error:
            # OAuth says invalid_grant, an unknown or expired JWT, with 400 (RFC 6749 section 5.2)
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
        else:
            return self._decoded(body, call.what, shape)
        raise AuthError(f"{call.what}: not accepted: {call.advice}")

    def _decoded(self, body: bytes, what: str, shape: type[T]) -> T:
        try:
            return decode(body, shape)
        except ValueError as error:
            text = f"{what} has another shape than documented ({error}): check --base-url"
            raise NotAReport(text) from None


def pair(answer: WirePair) -> Pair:
    """The tokens of an answer."""
    return Pair(answer.access_token, answer.refresh_token, answer.expires_in)
