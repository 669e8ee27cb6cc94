"""
One request and its answer, up to the first byte of the body.

The only module that sends anything. An answer it hands out is open and has a successful status;
everything else is an error of the engine by then.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.api.body import Answer, BodyRules, Pace, body_chunks
from cdr_engine.api.connections import open_client
from cdr_engine.api.faults import HTTPX_FAULTS, refusal, unreachable
from cdr_engine.api.lifeline import Lifelines, too_late
from cdr_engine.errors import ApiError, AuthError, ServiceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdr_engine.api.connections import Route, Timeouts
    from cdr_engine.api.lifeline import Lifeline
    from cdr_engine.api.tokens import TokenSource

__all__ = ["Call", "Exchange"]

MAX_ERROR_BYTES = 1 << 16
"""Read of a refusing answer: enough for any documented error."""

SUCCESS = frozenset({200, 201, 204})
"""200 and 201 are the successes the spec lists; 204 is one without a body."""

GIVEN_UP = "the work was given up"

TOKEN_ADVICE = "set CDR_ENGAGE_TOKEN or CDR_API_TOKEN, or CDR_RC_JWT to have tokens renewed"  # noqa: S105


class Call(NamedTuple):
    """One request before its token."""

    method: str
    url: str
    what: str
    """What is asked for, as messages name it."""
    headers: dict[str, str]
    content: bytes | None = None
    criteria: dict[str, str] | None = None
    """The query."""
    secrets: tuple[str, ...] = ()
    """What the request carries that no message may repeat; its token is one anyway."""
    advice: str = TOKEN_ADVICE
    """What to do if it is not authorized."""


class Exchange:
    """
    An HTTP client with one token and one peer, for any number of threads.

    Parameters
    ----------
    token : TokenSource
        Authorizes every request.
    peer : str
        `host:port`, for messages.
    timeouts : Timeouts
        Of every request.
    route : Route
        Root certificates and proxies.

    Raises
    ------
    ConfigError
        If root certificates or proxies cannot be used.
    """

    def __init__(self, token: TokenSource, peer: str, timeouts: Timeouts, route: Route) -> None:
        self._token = token
        self._peer = peer
        self._timeouts = timeouts
        self._client = open_client(timeouts, route)
        self._lifelines = Lifelines()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def abort(self) -> None:
        """Make every request and body under way fail, and every later request."""
        self._lifelines.cut(GIVEN_UP)
        self._token.abort()

    def open(self, call: Call, deadline_s: float | None = None) -> Answer:
        """
        Send a request, once more with a renewed token if the first was refused.

        Parameters
        ----------
        call : Call
            The request.
        deadline_s : float or None
            Until the last byte of its answer, which is cut off then.

        Returns
        -------
        Answer
            Open, of status 200, 201 or 204; the caller closes it.

        Raises
        ------
        ServiceUnreachable, ServiceRefused, AuthError, ConfigError
        """
        begun = monotonic()
        token = self._token.headers()
        try:
            return self._attempt(call, token, begun, deadline_s)
        except AuthError:
            if not self._token.renew(token):
                raise
        return self._attempt(call, self._token.headers(), begun, deadline_s)

    def read(self, call: Call, limit: int) -> tuple[Answer, bytes]:
        """Send a request and read the first `limit` bytes of its body; for errors see `open`."""
        answer = self.open(call)
        try:
            return answer, b"".join(self._first_chunks(answer, call.what, limit))
        finally:
            answer.close()

    def _attempt(
        self, call: Call, token: dict[str, str], begun: float, deadline_s: float | None
    ) -> Answer:
        lifeline = self._lifelines.open()
        try:
            if deadline_s is not None:
                lifeline.cut_after(begun + deadline_s - monotonic(), too_late(deadline_s))
            answer = self._send(call, token, lifeline)
        except BaseException:
            lifeline.close()
            raise
        response = answer.response
        if response.status_code in SUCCESS:
            return answer
        body = b""
        try:
            for chunk in self._first_chunks(answer, call.what, MAX_ERROR_BYTES):
                body += chunk
        except ApiError:
            pass  # the status says enough; the message is an extra
        finally:
            answer.close()
        secrets = (*call.secrets, *(value.split()[-1] for value in token.values()))
        raise refusal(response.status_code, response.headers, body, call.what, secrets, call.advice)

    def _send(self, call: Call, token: dict[str, str], lifeline: Lifeline) -> Answer:
        try:
            request = self._client.build_request(
                call.method,
                call.url,
                params=call.criteria,
                content=call.content,
                headers=call.headers | token,
                extensions={"trace": lifeline.trace},
            )
            response = self._client.send(request, stream=True)
        except HTTPX_FAULTS as error:
            fault = unreachable(error, self._peer)
        else:
            # httpcore looks the limit up again when it starts on the body
            request.extensions["timeout"]["read"] = self._timeouts.read_s
            return Answer(response, lifeline)
        if lifeline.cut_for:
            fault = ServiceUnreachable(
                f"{self._peer}: {call.what} was cut off before an answer came: {lifeline.cut_for}"
            )
        raise fault

    def _first_chunks(self, answer: Answer, what: str, limit: int) -> Iterator[bytes]:
        longest_s = self._timeouts.answer_s
        rules = BodyRules(
            deadline_s=longest_s,
            min_bytes_per_s=0,
            rate_window_s=longest_s,
            accept_unproven_end=True,
        )
        for chunk in body_chunks(answer, what, Pace(rules, what, monotonic())):
            yield chunk[:limit]
            limit -= len(chunk)
            if limit <= 0:
                return
