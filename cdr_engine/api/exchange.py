"""
One request and its answer, up to the first byte of the body.

The only module that sends anything. An answer it hands out is open and has a successful status;
everything else is an error of the engine by then.
"""

from __future__ import annotations

import logging
import ssl
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import httpx

from cdr_engine.api.body import BodyRules, Pace, body_chunks
from cdr_engine.api.faults import HTTPX_FAULTS, refusal, unreachable
from cdr_engine.errors import ApiError, AuthError, ConfigError

if TYPE_CHECKING:
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
    thing that can have died meanwhile. Redirects are not followed, and the environment's proxies
    are used only where that is asked for.

    Parameters
    ----------
    token : TokenSource
        Authorizes every request.
    peer : str
        `host:port`, for messages.
    timeouts : Timeouts
        Of every request.
    ca_bundle : str or None
        File of certificates (PEM) to trust instead of the public ones.
    trust_environment : bool
        Whether the environment's proxies and certificates are used.
    secrets : tuple of str
        What messages must not repeat besides the token.

    Raises
    ------
    ConfigError
        If `ca_bundle` cannot be read.
    """

    def __init__(
        self,
        token: TokenSource,
        peer: str,
        timeouts: Timeouts,
        *,
        ca_bundle: str | None = None,
        trust_environment: bool = False,
        secrets: tuple[str, ...] = (),
    ) -> None:
        silence_loggers()
        self._secrets = secrets
        self._token = token
        self._peer = peer
        self._timeouts = timeouts
        self._client = httpx.Client(
            headers={"Accept-Encoding": "identity", "User-Agent": "cdr-engine"},
            timeout=httpx.Timeout(timeouts.connect_s, read=timeouts.answer_s),
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=trusted_roots(ca_bundle, trust_environment),
            follow_redirects=False,
            trust_env=trust_environment,
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
        token = self._token.headers()
        try:
            return self._attempt(call, token)
        except AuthError:
            if not self._token.renew(token):
                raise
        return self._attempt(call, self._token.headers())

    def read(self, call: Call, limit: int) -> tuple[httpx.Response, bytes]:
        """Send a request and read the first `limit` bytes of its body; for errors see `open`."""
        response = self.open(call)
        try:
            return response, b"".join(self._first_chunks(response, call.what, limit))
        finally:
            response.close()

    def _attempt(self, call: Call, token: dict[str, str]) -> httpx.Response:
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
        secrets = (*self._secrets, *(value.split()[-1] for value in token.values()))
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
def trusted_roots(ca_bundle: str | None, trust_environment: bool) -> ssl.SSLContext:  # noqa: FBT001
    """TLS settings of a client; reading the root certificates is worth doing once."""
    if ca_bundle is None:
        return httpx.create_ssl_context(trust_env=trust_environment)
    try:
        return ssl.create_default_context(cafile=Path(ca_bundle).expanduser())
    except OSError as error:
        reason = error.strerror or "no certificates in it"
        raise ConfigError(f"ca_bundle {ca_bundle} cannot be used: {reason}") from None


def silence_loggers() -> None:
    """Keep httpx and httpcore from logging URLs (at INFO) and header fields (at DEBUG)."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
