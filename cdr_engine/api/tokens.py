"""
Where the token of a request comes from.

An Engage token goes out as `Authorization: Bearer`, a legacy or permanent API token as
`X-Auth-Token` (vendor's pages "Authentication" and "Legacy authentication").
"""

from __future__ import annotations

import re
from typing import Protocol

from cdr_engine.errors import ConfigError

__all__ = ["ApiToken", "StaticToken", "TokenSource"]

FIELD_VALUE = re.compile(r"[\x21-\x7e]+")
"""Visible ASCII: what a header field can carry in one piece (RFC 9110 section 5.5)."""


class TokenSource(Protocol):
    """Gives the header fields that authorize one request."""

    def headers(self) -> dict[str, str]:
        """Give the header fields of the token that is valid now."""
        ...

    def renew(self, refused: dict[str, str]) -> bool:
        """
        Replace a token the service has refused.

        Parameters
        ----------
        refused : dict
            The header fields that were refused: where another thread has replaced that token
            already, the newer one stays.

        Returns
        -------
        bool
            True if there is another token now, so that the request is worth repeating.
        """
        ...

    def abort(self) -> None:
        """Make a thread that waits for a token fail, and every later one."""
        ...


class StaticToken:
    """
    A ready Engage token, which cannot be renewed.

    Parameters
    ----------
    value : str
        The token, without the word `Bearer`.

    Raises
    ------
    ConfigError
        If the token is empty or holds spaces, control or non-ASCII characters.
    """

    def __init__(self, value: str) -> None:
        self._value = checked(value, "CDR_ENGAGE_TOKEN")

    def headers(self) -> dict[str, str]:
        """Give `Authorization: Bearer`."""
        return {"Authorization": f"Bearer {self._value}"}

    def renew(self, refused: dict[str, str]) -> bool:  # noqa: ARG002
        """Return False: nothing can replace a ready token."""
        return False

    def abort(self) -> None:
        """Nothing: a ready token is not waited for."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class ApiToken(StaticToken):
    """
    A legacy or permanent API token, such as `aws80:...`; see `StaticToken` for its errors.

    Parameters
    ----------
    value : str
        The token.
    """

    def __init__(self, value: str) -> None:
        self._value = checked(value, "CDR_API_TOKEN")

    def headers(self) -> dict[str, str]:
        """Give `X-Auth-Token`."""
        return {"X-Auth-Token": self._value}


def checked(value: str, name: str) -> str:
    """Return the token without outer spaces; raise ConfigError if no header can carry it."""
    value = value.strip()
    if not FIELD_VALUE.fullmatch(value):
        raise ConfigError(f"{name} is empty or holds a character no token has: set it again")
    return value
