"""
One request and its answer, up to the first byte of the body.

The only module that sends anything. An answer it hands out is open and has a successful status;
everything else is an error of the engine by then.
"""

from __future__ import annotations

import logging
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import httpx

from cdr_engine.api.body import BodyRules, Pace, body_chunks
from cdr_engine.api.faults import HTTPX_FAULTS, refusal, unreachable
from cdr_engine.errors import ApiError, AuthError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from cdr_engine.api.tokens import TokenSource

__all__ = ["Call", "Exchange", "Timeouts"]

MAX_ERROR_BYTES = 1 << 16
"""Read of a refusing answer: enough for any documented error."""

SUCCESS = frozenset({200, 201, 204})
"""200 and 201 are the successes the spec lists; 204 is one without a body."""


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


class Timeouts(NamedTuple):
    """Seconds that one step may take."""

    connect_s: float
    """For the connection, and for each write of the request."""
    answer_s: float
    """From the request to the status line; also for the whole of a short answer."""
    read_s: float
    """Between two arrivals of bytes of a body."""


class Exchange:
    """
    An HTTP client with one token and one peer.

    Connections are not reused: report calls are few and long, and a kept connection is one more
    thing that can have died meanwhile. Neither redirects nor the environment's proxies are used.

    Parameters
    ----------
    token : TokenSource
        Authorizes every request.
    peer : str
        `host:port`, for messages.
    timeouts : Timeouts
        Of every request.
    """

    def __init__(self, token: TokenSource, peer: str, timeouts: Timeouts) -> None:
        silence_loggers()
        self._token = token
        self._peer = peer
        self._timeouts = timeouts
        self._client = httpx.Client(
            headers={"Accept-Encoding": "identity", "User-Agent": "cdr-engine"},
            timeout=httpx.Timeout(timeouts.connect_s, read=timeouts.answer_s),
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=trusted_roots(),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def open(self, call: Call) -> httpx.Response:
        """
        Send a request, once more with a renewed token if the first was refused.

        Returns
        -------
        httpx.Response
            Open, of status 200, 201 or 204; the caller closes it.

        Raises
        ------
        ServiceUnreachable, ServiceRefused, AuthError, ConfigError
        """
        try:
            return self._attempt(call)
        except AuthError:
            if not self._token.renew():
                raise
        return self._attempt(call)

    def read(self, call: Call, limit: int) -> tuple[httpx.Response, bytes]:
        """Send a request and read the first `limit` bytes of its body; for errors see `open`."""
        response = self.open(call)
        try:
            return response, b"".join(self._first_chunks(response, call.what, limit))
        finally:
            response.close()

    def _attempt(self, call: Call) -> httpx.Response:
        token = self._token.headers()
        response = self._send(call, token)
        if response.status_code in SUCCESS:
            return response
        body = b""
        try:
            for chunk in self._first_chunks(response, call.what, MAX_ERROR_BYTES):
                body += chunk
        except ApiError:
            pass  # the status says enough; the message is an extra
        finally:
            response.close()
        secrets = tuple(value.split()[-1] for value in token.values())
        raise refusal(response.status_code, response.headers, body, call.what, secrets)

    def _send(self, call: Call, token: dict[str, str]) -> httpx.Response:
        try:
            request = self._client.build_request(
                call.method,
                call.url,
                params=call.criteria,
                content=call.content,
                headers=call.headers | token,
            )
            response = self._client.send(request, stream=True)
        except HTTPX_FAULTS as error:
            fault = unreachable(error, self._peer)
        else:
            # httpcore looks the limit up again when it starts on the body
            request.extensions["timeout"]["read"] = self._timeouts.read_s
            return response
        raise fault

    def _first_chunks(self, response: httpx.Response, what: str, limit: int) -> Iterator[bytes]:
        longest_s = self._timeouts.answer_s
        rules = BodyRules(
            deadline_s=longest_s,
            min_bytes_per_s=0,
            rate_window_s=longest_s,
            accept_unproven_end=True,
        )
        for chunk in body_chunks(response, what, Pace(rules, what, monotonic())):
            yield chunk[:limit]
            limit -= len(chunk)
            if limit <= 0:
                return


@cache
def trusted_roots() -> ssl.SSLContext:
    """TLS settings of every client; reading the root certificates is worth doing once."""
    return httpx.create_ssl_context(trust_env=False)


def silence_loggers() -> None:
    """Keep httpx and httpcore from logging URLs (at INFO) and header fields (at DEBUG)."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
