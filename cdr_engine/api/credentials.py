"""
The tokens of an unattended export: bought with a JWT, shared by all threads, renewed in time.

An Engage token lives 5 minutes, its answer does not say so, and exchanges are limited to 5 a minute
(vendor's page "Authentication with RingCentral"). So one token serves every thread, it is renewed
before it ends, and of many threads that find it old one renews it while the others wait.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.api.address import Address
from cdr_engine.api.logins import Logins, Pair
from cdr_engine.api.tokens import ApiToken, StaticToken
from cdr_engine.errors import AuthError, ConfigError, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdr_engine.api.tokens import TokenSource

__all__ = ["JwtToken", "RingCentralApp", "token_source"]

LIFETIME_S = 300.0
"""Of an Engage token where the answer does not tell (vendor's page)."""

MARGIN = 0.2
"""Part of a token's life that is left when it is renewed: a minute of five."""

WAIT_S = 60.0
"""After a 429 without Retry-After: the limit of exchanges is one of a minute."""

TOO_MANY = 429


class RingCentralApp(NamedTuple):
    """What buys a RingCentral token; never shown."""

    client_id: str
    client_secret: str
    jwt: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class JwtToken:
    """
    An Engage token bought with a RingCentral JWT; any number of threads may share it.

    Parameters
    ----------
    app : RingCentralApp
        The credentials.
    logins : Logins
        Where they are taken.
    budget_s : float
        Longest time one renewal may spend waiting after answers of 429.
    """

    def __init__(self, app: RingCentralApp, logins: Logins, *, budget_s: float = 180) -> None:
        self._app = app
        self._logins = logins
        self._budget_s = budget_s
        self._lock = threading.Lock()
        self._pair: Pair | None = None
        self._renew_at = 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def headers(self) -> dict[str, str]:
        """
        Give `Authorization: Bearer`, of a new token if the old one ends soon.

        Raises
        ------
        AuthError
            If the credentials are not accepted.
        ApiError
            If a login server cannot be reached, or refuses for another reason.
        """
        with self._lock:
            if self._pair is None or monotonic() >= self._renew_at:
                self._replace()
            assert self._pair is not None
            return {"Authorization": f"Bearer {self._pair.access}"}

    def renew(self, refused: dict[str, str] | None = None) -> bool:
        """
        Replace a token the service has refused, unless another thread has done so already.

        Parameters
        ----------
        refused : dict, optional
            The header fields that were refused; without them the token of now is meant.
        """
        with self._lock:
            held = self._pair
            is_held = held is not None and (
                refused is None or refused.get("Authorization") == f"Bearer {held.access}"
            )
            if is_held:
                self._replace()
        return True

    def _replace(self) -> None:
        """Refresh the token, or where that fails buy one anew."""
        asked = monotonic()
        pair = self._refreshed() or self._patiently(self._bought)
        self._pair = pair
        life_s = LIFETIME_S if pair.lifetime_s is None else pair.lifetime_s
        self._renew_at = asked + life_s * (1 - MARGIN)

    def _refreshed(self) -> Pair | None:
        if self._pair is None or self._pair.refresh is None:
            return None
        refresh, self._pair = self._pair.refresh, None
        try:
            return self._logins.refresh(refresh)
        except (AuthError, ServiceRefused):
            return None

    def _bought(self) -> Pair:
        return self._logins.exchange(self._logins.ringcentral_token(*self._app))

    def _patiently(self, buy: Callable[[], Pair]) -> Pair:
        """Buy a token; after a 429 wait as long as it says, within the budget."""
        ends = monotonic() + self._budget_s
        while True:
            try:
                return buy()
            except ServiceRefused as error:
                wait_s = WAIT_S if error.retry_after_s is None else error.retry_after_s
                if error.status != TOO_MANY or monotonic() + wait_s > ends:
                    raise
            sleep(wait_s)


def token_source(
    *,
    engage_token: str | None = None,
    app: RingCentralApp | None = None,
    api_token: str | None = None,
    base_url: str,
    rc_server_url: str,
    ca_bundle: str | None = None,
    trust_environment: bool = False,
) -> TokenSource:
    """
    Choose the token: a ready Engage token, else a JWT, else an API token.

    Raises
    ------
    ConfigError
        If there is none, or an address breaks a rule of `Address.parse`.
    """
    if engage_token:
        return StaticToken(engage_token)
    if app is not None:
        if not all(app):
            raise ConfigError(
                "CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET and CDR_RC_JWT belong together: set all"
            )
        service = Address.parse(base_url)
        server = Address.parse(rc_server_url, name="rc_server_url")
        logins = Logins(
            service,
            server,
            ca_bundle=ca_bundle,
            trust_environment=trust_environment,
            secrets=tuple(app),
        )
        return JwtToken(app, logins)
    if api_token:
        return ApiToken(api_token)
    raise ConfigError(
        "no token: set CDR_ENGAGE_TOKEN, or CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET and CDR_RC_JWT, "
        "or CDR_API_TOKEN for a permanent one"
    )
