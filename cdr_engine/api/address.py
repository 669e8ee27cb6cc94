"""Where the service and RingCentral's OAuth server are: the rules of their addresses."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from cdr_engine.errors import ConfigError

__all__ = ["Address"]


class Address(NamedTuple):
    """BASE_URL of the vendor's page, or that of the OAuth server, taken apart."""

    base_url: str
    """Without a trailing `/` or `/api`; accounts are at `{base_url}/api/v1/admin/accounts`."""
    peer: str
    """`host:port`, for messages."""

    @classmethod
    def parse(cls, base_url: str, name: str = "base_url") -> Address:
        """
        Check and normalize a base URL.

        Parameters
        ----------
        base_url : str
            Such as `https://ringcx.ringcentral.com/voice`; a trailing `/` or `/api` is forgiven.
        name : str
            Of the setting, for messages.

        Raises
        ------
        ConfigError
            If it is no http(s) address, carries a user, query or fragment, or would send the
            token in plain http to another machine.
        """
        try:
            parts = urlsplit(base_url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError(f"{name} is not an address: give https://HOST/voice") from None
        if parts.scheme not in {"http", "https"} or not host:
            raise ConfigError(f"{name} is not an http(s) address: give https://HOST/voice")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ConfigError(f"{name} carries a user, a query or a fragment: give the bare path")
        if parts.scheme == "http" and not is_loopback(host):
            raise ConfigError(f"{name} would send the token in the clear: use https")
        peer_host = f"[{host}]" if ":" in host else host
        port = port or (443 if parts.scheme == "https" else 80)
        return cls(f"{parts.scheme}://{parts.netloc}{bare_path(parts)}", f"{peer_host}:{port}")

    @property
    def origin(self) -> str:
        """Scheme, host and port; Engage logins are below it, outside /voice."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    def admin(self, *segments: str) -> str:
        """URL below `/api/v1/admin`, each segment percent-encoded."""
        return "/".join([self.base_url, "api/v1/admin", *(quote(s, safe="") for s in segments)])


def bare_path(parts: SplitResult) -> str:
    """Path without a trailing slash, and without a trailing `/api`."""
    return parts.path.rstrip("/").removesuffix("/api").rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the name can only mean this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
