"""The login servers: a JWT for a RingCentral token, that for an Engage token, and its refresh."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from cdr_engine.api.exchange import Call, Exchange, Timeouts
from cdr_engine.api.wire import decode
from cdr_engine.errors import AuthError, NotAReport, ServiceRefused

if TYPE_CHECKING:
    from cdr_engine.api.address import Address

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

    def renew(self, refused: dict[str, str] | None = None) -> bool:  # noqa: ARG002
        """Return False: there is nothing to renew."""
        return False


class Logins:
    """
    Both login servers; each call opens and closes its own connection.

    Parameters
    ----------
    service : Address
        Of the report service: auth paths stand at its origin, outside /voice.
    ringcentral : Address
        RingCentral's OAuth server.
    timeout_s : float
        For each step of a login.
    ca_bundle, trust_environment, secrets
        See `Exchange`.
    """

    def __init__(
        self,
        service: Address,
        ringcentral: Address,
        *,
        timeout_s: float = 30,
        ca_bundle: str | None = None,
        trust_environment: bool = False,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._secrets = secrets
        self._service = service
        self._ringcentral = ringcentral
        self._timeouts = Timeouts(timeout_s, timeout_s, timeout_s)
        self._ca_bundle = ca_bundle
        self._trust_environment = trust_environment

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
        form = {"grant_type": JWT_GRANT, "assertion": jwt}
        what = "the RingCentral login"
        path = "/restapi/oauth/token"
        fields = {"Authorization": f"Basic {basic}"}
        try:
            answer = self._post(self._ringcentral, path, what, form, WireOAuth, fields)
        except (AuthError, ServiceRefused) as error:
            if isinstance(error, ServiceRefused) and error.status != HTTPStatus.BAD_REQUEST:
                raise
        else:
            return answer.access_token
        raise AuthError(
            f"{what} was not accepted: check CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET, CDR_RC_JWT "
            "and --rc-server-url"
        )

    def exchange(self, token: str) -> Pair:
        """Exchange a RingCentral token for an Engage token; for errors see `ringcentral_token`."""
        what = "the exchange for an Engage token"
        form = {"rcAccessToken": token, "rcTokenType": "Bearer"}
        path = "/api/auth/login/rc/accesstoken?includeRefresh=true"
        try:
            return pair(self._post(self._service, path, what, form, WirePair))
        except AuthError:
            pass
        raise AuthError(f"{what} was not accepted: has the JWT's user access to Engage Voice?")

    def refresh(self, token: str) -> Pair:
        """Spend a refresh token on a new pair; for errors see `ringcentral_token`."""
        form = {"refresh_token": token, "rcTokenType": "Bearer"}
        path = "/api/auth/token/refresh"
        return pair(self._post(self._service, path, "the refresh of a token", form, WirePair))

    def _post(
        self,
        address: Address,
        path: str,
        what: str,
        form: dict[str, str],
        shape: type[T],
        fields: dict[str, str] | None = None,
    ) -> T:
        parts = urlsplit(address.base_url)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            **(fields or {}),
        }
        url = f"{parts.scheme}://{parts.netloc}{path}"
        call = Call("POST", url, what, headers, content=urlencode(form).encode())
        exchange = Exchange(
            NoToken(),
            address.peer,
            self._timeouts,
            ca_bundle=self._ca_bundle,
            trust_environment=self._trust_environment,
            secrets=(*self._secrets, *form.values(), *(fields or {}).values()),
        )
        try:
            _, body = exchange.read(call, MAX_ANSWER_BYTES)
        finally:
            exchange.close()
        try:
            return decode(body, shape)
        except ValueError as error:
            text = f"{what} has another shape than documented ({error}): check --base-url"
            raise NotAReport(text) from None


def pair(answer: WirePair) -> Pair:
    """The tokens of an answer."""
    return Pair(answer.access_token, answer.refresh_token, answer.expires_in)
