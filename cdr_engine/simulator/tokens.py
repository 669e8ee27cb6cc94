"""The tokens the service has handed out, and how many report calls are still allowed."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["RateLimiter", "TokenBook"]

RC_LIFETIME_S = 3600.0
LEGACY_LIFETIME_S = 3600.0


@dataclass(slots=True)
class TokenBook:
    """
    Tokens by kind, each with the monotonic time at which it expires.

    Parameters
    ----------
    engage_token
        A ready token that never expires, accepted as bearer and as X-Auth-Token.
    lifetime_s
        Life of an Engage access token, in seconds.
    """

    engage_token: str
    lifetime_s: float
    _ends: dict[str, dict[str, float]] = field(default_factory=dict)

    def issue(self, kind: str, lifetime_s: float, prefix: str = "") -> str:
        """Return a new token of a kind."""
        token = prefix + secrets.token_hex(16)
        self._ends.setdefault(kind, {})[token] = time.monotonic() + lifetime_s
        return token

    def issue_access(self) -> str:
        """Return a new Engage access token."""
        return self.issue("access", self.lifetime_s)

    def spend(self, kind: str, token: str) -> bool:
        """Use up a single-use token; False when it is not valid."""
        return self._ends.get(kind, {}).pop(token, 0.0) > time.monotonic()

    def is_valid(self, kind: str, token: str) -> bool:
        """Whether a token of that kind was issued and lives."""
        return self._ends.get(kind, {}).get(token, 0.0) > time.monotonic()

    def permanent(self) -> list[str]:
        """Return the permanent API tokens."""
        return list(self._ends.get("api", {}))

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers of a request carry a bearer or X-Auth-Token that lives."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = headers.get("x-auth-token", "")
        if given and (given == self.engage_token or self._extend(given)):
            return True
        bearer = bearer.strip()
        known = bearer == self.engage_token or self.is_valid("access", bearer)
        return scheme.lower() == "bearer" and known

    def _extend(self, token: str) -> bool:
        if self.is_valid("api", token):
            return True
        if not self.is_valid("legacy", token):
            return False
        self._ends["legacy"][token] = time.monotonic() + LEGACY_LIFETIME_S
        return True


class RateLimiter:
    """
    Sliding windows over the calls that were let through.

    Parameters
    ----------
    limits
        Pairs of calls and seconds, all of which hold.
    """

    def __init__(self, limits: tuple[tuple[int, float], ...]) -> None:
        self.limits = limits
        self._passed: deque[float] = deque(maxlen=max((calls for calls, _ in limits), default=1))

    def wait_s(self) -> float:
        """Return 0 and count the call, or the seconds until one would be let through."""
        now = time.monotonic()
        waits = [
            self._passed[-calls] + period - now
            for calls, period in self.limits
            if len(self._passed) >= calls
        ]
        wait = max([0.0, *waits])
        if wait == 0:
            self._passed.append(now)
        return wait
