"""
The tokens of an unattended export: bought, shared by all threads, renewed in time.

An Engage token lives 5 minutes, its answer does not say so, and exchanges are limited to 5 a minute
(vendor's page "Authentication with RingCentral"). So one token serves every thread. It is renewed
before it ends by one thread, while the others go on with it; once it has ended or was refused, they
wait for the one that renews it, and share what becomes of that.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.api.address import Address
from cdr_engine.api.connections import Route
from cdr_engine.api.logins import Logins
from cdr_engine.api.tokens import ApiToken, StaticToken
from cdr_engine.errors import (
    ApiError,
    AuthError,
    CdrError,
    ConfigError,
    ServiceRefused,
    ServiceUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdr_engine.api.logins import Pair
    from cdr_engine.api.tokens import TokenSource

__all__ = ["BoughtToken", "EngageLogin", "RingCentralApp", "token_source"]

LIFETIME_S = 300.0
"""Of an Engage token where the answer does not tell (vendor's page)."""

MARGIN = 0.2
"""Part of a token's life that is left when it is renewed: a minute of five."""

WAIT_S = 60.0
"""After a 429 without Retry-After: the limit of exchanges is one of a minute."""

LEAST_WAIT_S = 0.5
"""Also after a Retry-After of 0."""

POSTPONED_S = 10.0
"""Until the next try where a token could not be renewed ahead of its end."""

TOO_MANY = 429


class RingCentralApp(NamedTuple):
    """What buys a RingCentral token; never shown."""

    client_id: str
    client_secret: str
    jwt: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class EngageLogin(NamedTuple):
    """What buys an Engage token without a RingCentral account; never shown."""

    user_name: str
    password: str
    platform_id: str = ""
    """Which platform the account is on; the vendor names it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class Held(NamedTuple):
    """The token of now; times by the monotonic clock."""

    headers: dict[str, str]
    refresh: str | None
    renew_at: float
    ends_at: float

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class BoughtToken:
    """
    An Engage token that is bought and renewed; any number of threads may share it.

    Parameters
    ----------
    buy : callable
        Gives a new pair of tokens for the credentials.
    logins : Logins
        Where tokens are refreshed.
    budget_s : float
        Longest time one renewal may spend waiting after answers of 429.
    """

    def __init__(self, buy: Callable[[], Pair], logins: Logins, *, budget_s: float = 180) -> None:
        self._buy = buy
        self._logins = logins
        self._budget_s = budget_s
        self._aborted = threading.Event()
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._n_tried = 0
        self._failure: Exception | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def headers(self) -> dict[str, str]:
        """
        Give `Authorization: Bearer`, of a new token if the old one has ended.

        Raises
        ------
        AuthError
            If the credentials are not accepted.
        ApiError
            If a login server cannot be reached, or refuses for another reason.
        """
        held = self._held
        if held is None or monotonic() >= held.ends_at:
            return self._replace(held).headers
        if monotonic() >= held.renew_at and self._lock.acquire(blocking=False):
            try:
                self._renew_ahead(held)
            finally:
                self._lock.release()
        return (self._held or held).headers

    def renew(self, refused: dict[str, str]) -> bool:
        """Replace a token the service has refused, unless another thread has done so already."""
        held = self._held
        if held is None or held.headers == refused:
            self._replace(held)
        return True

    def abort(self) -> None:
        """Make the thread that renews the token fail, with those that wait for it."""
        self._aborted.set()
        self._logins.abort()

    def _replace(self, old: Held | None) -> Held:
        """Replace a token of no more use; of many threads at once one does it for all."""
        n_tried = self._n_tried
        with self._lock:
            if self._held is not None and not is_same(self._held, old):
                return self._held
            if self._n_tried != n_tried and self._failure is not None:
                raise self._failure
            return self._bought(old, self._budget_s)

    def _renew_ahead(self, old: Held) -> None:
        if self._held is not old:
            return
        try:
            self._bought(old, 0)
        except CdrError:
            # the token is good for a while yet, and what failed may have passed by then; who
            # waits because the token was refused has more patience, and tries again
            self._failure = None
            self._held = old._replace(refresh=None, renew_at=monotonic() + POSTPONED_S)

    def _bought(self, old: Held | None, budget_s: float) -> Held:
        """Refresh the token, or where that fails buy one anew; the lock is held."""
        asked = monotonic()
        self._failure = None
        try:
            pair = self._refreshed(old) or self._patiently(budget_s)
        except CdrError as error:
            self._failure = error
            raise
        finally:
            self._n_tried += 1
        life_s = LIFETIME_S if pair.lifetime_s is None else pair.lifetime_s
        renew_at = asked + life_s * (1 - MARGIN)
        headers = {"Authorization": f"Bearer {pair.access}"}
        self._held = Held(headers, pair.refresh, renew_at, asked + life_s)
        return self._held

    def _refreshed(self, old: Held | None) -> Pair | None:
        if old is None or old.refresh is None:
            return None
        self._held = old._replace(refresh=None)  # it works once, also if its answer is lost
        try:
            return self._logins.refresh(old.refresh)
        except (ApiError, AuthError):
            return None

    def _patiently(self, budget_s: float) -> Pair:
        """Buy a token; after a 429 wait as long as it says, within the budget."""
        ends = monotonic() + budget_s
        while True:
            try:
                return self._buy()
            except ServiceRefused as error:
                told_s = WAIT_S if error.retry_after_s is None else error.retry_after_s
                wait_s = max(told_s, LEAST_WAIT_S)
                if error.status != TOO_MANY or monotonic() + wait_s > ends:
                    raise
            if self._aborted.wait(wait_s):
                raise ServiceUnreachable("the wait for a token was given up")


def is_same(held: Held, other: Held | None) -> bool:
    """Whether both hold the same token, whatever else is known of it by now."""
    return other is not None and held.headers == other.headers


def token_source(
    *,
    engage_token: str | None = None,
    app: RingCentralApp | None = None,
    login: EngageLogin | None = None,
    api_token: str | None = None,
    base_url: str,
    rc_server_url: str,
    ca_bundle: str | None = None,
    trust_environment: bool = False,
) -> TokenSource:
    """
    Choose the token: a ready Engage token, else a JWT, a login, or an API token.

    Raises
    ------
    ConfigError
        If there is none, a part of one is missing, or an address breaks a rule of
        `Address.parse`.
    """
    if engage_token:
        return StaticToken(engage_token)
    if app is None and login is None:
        if api_token:
            return ApiToken(api_token)
        raise ConfigError(
            "no token: set CDR_ENGAGE_TOKEN, or CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET and "
            "CDR_RC_JWT, or CDR_API_TOKEN for a permanent one"
        )
    service = Address.parse(base_url)
    server = Address.parse(rc_server_url, name="rc_server_url")
    route = Route(ca_bundle, trust_environment)
    logins = Logins(service, server, route, secrets=(*(app or ()), *(login or ())))
    if app is not None:
        return BoughtToken(_by_jwt(app, logins), logins)
    assert login is not None
    return BoughtToken(_by_login(login, logins), logins)


def _by_jwt(app: RingCentralApp, logins: Logins) -> Callable[[], Pair]:
    if not all(app):
        raise ConfigError(
            "CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET and CDR_RC_JWT belong together: set all"
        )
    return lambda: logins.exchange(logins.ringcentral_token(*app))


def _by_login(login: EngageLogin, logins: Logins) -> Callable[[], Pair]:
    if not (login.user_name and login.password):
        raise ConfigError("CDR_ENGAGE_USER and CDR_ENGAGE_PASSWORD belong together: set both")
    return lambda: logins.direct(*login)
