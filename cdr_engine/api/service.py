"""The report service: its supporting calls and the report itself."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, TypeVar

from cdr_engine.api.address import Address
from cdr_engine.api.body import BodyRules, ReportBody, media_type, web_page
from cdr_engine.api.connections import Route, Timeouts
from cdr_engine.api.exchange import Call, Exchange
from cdr_engine.api.request import ReportRequest, check_accounts
from cdr_engine.api.wire import (
    Account,
    Group,
    User,
    decode_accounts,
    decode_groups,
    decode_users,
)
from cdr_engine.errors import ConfigError, NotAReport, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cdr_engine.api.tokens import TokenSource

__all__ = ["ReportService"]

MAX_JSON_BYTES = 1 << 26
"""A supporting answer is read whole; an account of the spec's 80 fields takes some 3 kB."""
T = TypeVar("T")


class ReportService:
    """
    The service at one address, with one token; a context manager.

    Any number of threads may use it at a time; each report has a connection of its own.

    Parameters
    ----------
    base_url : str
        BASE_URL of the vendor's page; see `Address.parse`.
    token : TokenSource
        Authorizes every request.
    connect_timeout_s : float
        For the connection and for sending the request.
    read_timeout_s : float
        Between two arrivals of bytes.
    answer_timeout_s : float
        From the request to the status line. The vendor's warehouse stops queries
        after 300 s (its page on direct access to Redshift).
    deadline_s : float or None
        From the request to the last byte of a report, in time of the wall: then it is cut off,
        whether bytes arrive or not. None for no limit.
    min_bytes_per_s : float
        Least rate of a report body over `rate_window_s` of waiting; 0 for none.
    rate_window_s : float
        Length of the sliding window of that rate.
    accept_unproven_end : bool
        Take a report body that has neither a length nor chunks; its `proof` is then `unproven`.
    ca_bundle : str or None
        File of certificates (PEM) to trust instead of the public ones.
    trust_environment : bool
        Whether the environment's proxies and certificates are used.

    Raises
    ------
    ConfigError
        If `base_url` breaks a rule, or root certificates or proxies cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        token: TokenSource,
        *,
        connect_timeout_s: float = 10,
        read_timeout_s: float = 60,
        answer_timeout_s: float = 300,
        deadline_s: float | None = None,
        min_bytes_per_s: float = 100,
        rate_window_s: float = 60,
        accept_unproven_end: bool = False,
        ca_bundle: str | None = None,
        trust_environment: bool = False,
    ) -> None:
        self._address = Address.parse(base_url)
        self._token = token
        self._rules = BodyRules(deadline_s, min_bytes_per_s, rate_window_s, accept_unproven_end)
        timeouts = Timeouts(connect_timeout_s, answer_timeout_s, read_timeout_s)
        route = Route(ca_bundle, trust_environment)
        self._exchange = Exchange(token, self._address.peer, timeouts, route)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.base_url!r}, {self._token!r})"

    def close(self) -> None:
        """Close every connection."""
        self._exchange.close()

    def abort(self) -> None:
        """
        Make every request and body under way fail with an ApiError, and every later request.

        For another thread than theirs. Sockets are shut down, so that nothing waits any longer; a
        connection that is still being made fails within `connect_timeout_s`.
        """
        self._exchange.abort()

    def accounts(self) -> tuple[Account, ...]:
        """
        List the accounts the token has access to.

        Raises
        ------
        ApiError
            As `report` does.
        AuthError
            If the token is not accepted, even renewed.
        """
        return self._json("the list of accounts", decode_accounts, "accounts")

    def users(self) -> tuple[User, ...]:
        """
        List all users of the system, parents before children; for errors see `accounts`.

        The vendor asks for the role MANAGE_USERS or SUPER_USER here.
        """
        return self._json("the list of users", decode_users, "users")

    def user_id(self) -> int:
        """
        Find a user to ask for profiles and destinations with: the first that is enabled.

        Raises
        ------
        ServiceRefused
            If the token's user may not list users: the message says to pass --user-id.
        ConfigError
            If no user is enabled.
        """
        try:
            users = self.users()
        except ServiceRefused as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            text = f"{error}: pass --user-id instead"
            raise ServiceRefused(text, status=error.status) from None
        for user in users:
            if user.is_enabled:
                return user.user_id
        raise ConfigError("the list of users holds nobody who is enabled: pass --user-id")

    def profile_groups(self, account_id: str, user_id: int) -> tuple[Group, ...]:
        """List the cloud profile groups of an account; for errors see `accounts`."""
        return self._groups(account_id, user_id, "CLOUD_PROFILE")

    def destination_groups(self, account_id: str, user_id: int) -> tuple[Group, ...]:
        """List the cloud destination groups of an account; for errors see `accounts`."""
        return self._groups(account_id, user_id, "CLOUD_DESTINATION")

    def report(self, request: ReportRequest, *, deadline_s: float | None = None) -> ReportBody:
        """
        Ask for a report; the request is sent when the result is entered.

        Parameters
        ----------
        request : ReportRequest
            What to ask for.
        deadline_s : float or None
            For this report, in place of the service's: what is left to a later attempt.

        Returns
        -------
        ReportBody
            A context manager, iterated for the chunks of the body.

        Raises
        ------
        ServiceUnreachable
            On entering: no connection, or it broke before an answer.
        ServiceRefused
            On entering: a status that is not success, redirects among them.
        AuthError
            On entering: the token is not accepted, even renewed.
        NotAReport
            On entering or at the first chunk: HTML, JSON, or a coding that cannot be undone.
        EmptyReport
            On entering or at the end: no bytes at all.
        IncompleteReport
            On entering: nothing proves the end. Later: cut, reset, stalled, damaged or too slow.
        """
        call = Call(
            "POST",
            self._address.admin("accounts", request.account_id, "reportsStreaming"),
            "the report",
            {"Content-Type": "application/json;charset=UTF-8"},
            content=request.to_json(),
        )
        rules = self._rules
        if deadline_s is not None:
            rules = rules._replace(deadline_s=deadline_s)
        send = partial(self._exchange.open, call, rules.deadline_s)
        return ReportBody(send, rules, call.what)

    def _groups(self, account_id: str, user_id: int, product: str) -> tuple[Group, ...]:
        check_accounts((account_id,))
        path = ("accounts", account_id, "users", str(user_id), "reports", "inputControls")
        criteria = {"accountIds": account_id, "products": product}
        what = f"the list of {product.removeprefix('CLOUD_').lower()}s"
        return self._json(what, decode_groups, *path, criteria=criteria)

    def _json(
        self,
        what: str,
        decoder: Callable[[bytes], T],
        *path: str,
        criteria: dict[str, str] | None = None,
    ) -> T:
        url = self._address.admin(*path)
        accept = {"Accept": "application/json"}
        call = Call("GET", url, what, accept, criteria=criteria)
        answer, body = self._exchange.read(call, MAX_JSON_BYTES + 1)
        if len(body) > MAX_JSON_BYTES:
            raise NotAReport(f"{what} is longer than {MAX_JSON_BYTES} bytes: check --base-url")
        if media_type(answer.response) == "text/html" or body.lstrip().startswith(b"<"):
            raise NotAReport(web_page(what))
        try:
            return decoder(body)
        except ValueError as error:
            text = f"{what} has another shape than documented ({error}): check --base-url"
            raise NotAReport(text) from None
