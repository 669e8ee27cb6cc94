"""How connections are made: limits of waiting, root certificates, proxies."""

from __future__ import annotations

import logging
import ssl
from functools import cache
from pathlib import Path
from typing import NamedTuple

import httpx

from cdr_engine.errors import ConfigError

__all__ = ["Route", "Timeouts", "open_client"]


class Timeouts(NamedTuple):
    """Seconds that one step may take."""

    connect_s: float
    """For the connection, and for each write of the request."""
    answer_s: float
    """From the request to the status line; also for the whole of a short answer."""
    read_s: float
    """Between two arrivals of bytes of a body."""


class Route(NamedTuple):
    """What leads to the service, and whom to trust on the way."""

    ca_bundle: str | None = None
    """A PEM file of root certificates, in place of those that come with the engine."""
    trust_environment: bool = False
    """Whether proxies and root certificates of the environment count."""


def open_client(timeouts: Timeouts, route: Route) -> httpx.Client:
    """
    Make a client that follows no redirect and keeps no connection.

    Report calls are few and long, and a kept connection is one more thing that can have died
    meanwhile. Plain http goes to loopback alone, and there no proxy stands between.

    Raises
    ------
    ConfigError
        If root certificates or a proxy of the environment cannot be used.
    """
    silence_loggers()
    roots = trusted_roots(route)
    try:
        return httpx.Client(
            headers={"Accept-Encoding": "identity", "User-Agent": "cdr-engine"},
            timeout=httpx.Timeout(timeouts.connect_s, read=timeouts.answer_s),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            verify=roots,
            follow_redirects=False,
            trust_env=route.trust_environment,
            mounts={"http://": None},
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        text = "a proxy of the environment cannot be used: check HTTPS_PROXY, ALL_PROXY, NO_PROXY"
    raise ConfigError(text)


@cache
def trusted_roots(route: Route) -> ssl.SSLContext:
    """TLS settings of a client; reading the root certificates is worth doing once."""
    try:
        if route.ca_bundle is not None:
            return ssl.create_default_context(cafile=Path(route.ca_bundle).expanduser())
        return httpx.create_ssl_context(trust_env=route.trust_environment)
    except OSError as error:
        where = route.ca_bundle or "SSL_CERT_FILE or SSL_CERT_DIR"
        why = "no certificate in PEM form is there" if isinstance(error, ssl.SSLError) else ""
        text = f"ca_bundle: {where}: {why or error.strerror}: give a PEM file of root certificates"
    raise ConfigError(text)


def silence_loggers() -> None:
    """Keep httpx and httpcore from logging URLs (at INFO) and header fields (at DEBUG)."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
