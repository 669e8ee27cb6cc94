"""
Settings: flag over environment over `./cdr.toml` over the user's `cdr.toml` over default.

Secrets come from the environment only, never from a flag or a file that may be shared, and never
appear in a repr.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from cdr_engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RateLimit", "Secrets", "Settings", "duration_s", "load_settings", "rate_limits"]

FILE_NAME = "cdr.toml"
POLITE = "3/60s,9/15min"
"""Report calls the vendor allows on sister endpoints, per sub-account."""

RATE = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})?(s|min|h)")
DURATION = re.compile(r"([1-9][0-9]{0,4})\s*(s|min|h)")
UNITS = {"s": 1, "min": 60, "h": 3600}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a deployment sets once."""

    dataset: str = "./cdr-dataset"
    base_url: str = "https://ringcx.ringcentral.com/voice"
    accounts: tuple[str, ...] = ()
    """Empty for all that the token has access to."""
    user_id: int | None = None
    """None to look it up."""
    time_zone: str | None = None
    """Of reports: UTC where nothing is said; of archived files it has to be known."""
    window: str = "auto"
    rate_limit: str = POLITE
    jobs: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Windows fetched side by side."""
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 6
    """Requests for one window before it counts as failed."""
    deadline: str = "2h"
    """Of one window, all attempts together; see `duration_s`."""
    rc_server_url: str = "https://platform.ringcentral.com"
    """RingCentral's OAuth server."""
    ca_bundle: str | None = None
    """A PEM file of root certificates, in place of those that come with the engine."""
    trust_environment: bool = False
    """Whether HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and the like of the environment count."""

    @property
    def dataset_path(self) -> Path:
        """The dataset folder, with ~ resolved."""
        return Path(self.dataset).expanduser()


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, and what a token is had for, from the environment."""

    engage_token: str | None = None
    api_token: str | None = None
    rc_client_id: str | None = None
    rc_client_secret: str | None = None
    rc_jwt: str | None = None

    def __repr__(self) -> str:
        known = [name for name in self.__struct_fields__ if getattr(self, name)]
        return f"Secrets({', '.join(f'{name}=…' for name in known)})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Secrets:
        """Read CDR_ENGAGE_TOKEN, CDR_API_TOKEN, CDR_RC_CLIENT_ID, _SECRET and CDR_RC_JWT."""
        names = cls.__struct_fields__
        return cls(**{name: environment.get(f"CDR_{name.upper()}") or None for name in names})


class RateLimit(NamedTuple):
    """So many report calls in so many seconds."""

    calls: int
    period_s: int


def rate_limits(text: str) -> tuple[RateLimit, ...]:
    """
    Read limits such as `3/60s,9/15min`; `off` is none.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if text.strip() == "off":
        return ()
    limits = []
    for part in text.split(","):
        found = RATE.fullmatch(part.strip())
        if found is None:
            raise ConfigError(f"rate limit {text!r}: write 3/60s,9/15min or off")
        limits.append(RateLimit(int(found[1]), int(found[2] or 1) * UNITS[found[3]]))
    return tuple(limits)


def duration_s(text: str) -> float:
    """
    Read a duration such as `30s`, `10min` or `2h`, in seconds.

    Raises
    ------
    ConfigError
        If it is none.
    """
    found = DURATION.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"duration {text!r}: write 30s, 10min or 2h")
    return float(found[1]) * UNITS[found[2]]


def load_settings(
    flags: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """
    Lay the sources over each other; a flag that is None was not given.

    Raises
    ------
    ConfigError
        If a file is not TOML, or a value does not fit; the message names where it stands.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for path in (_user_file(environment), (folder or Path()) / FILE_NAME):
        if path.is_file():
            values |= _checked(_read(path), str(path))
    values |= _checked(_from_environment(environment), "the environment")
    given = {name: value for name, value in flags.items() if value is not None}
    values |= _checked(given, "the command line")
    return msgspec.convert(values, Settings, strict=False)


def _user_file(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(home) / "cdr" / FILE_NAME


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        text = environment.get(f"CDR_{name.upper()}")
        if text:
            values[name] = text.replace(",", " ").split() if name == "accounts" else text
    return values


def _checked(values: dict[str, Any], source: str) -> dict[str, Any]:
    try:
        settings = msgspec.convert(values, Settings, strict=False)
        rate_limits(settings.rate_limit)
        duration_s(settings.deadline)
    except (msgspec.ValidationError, ConfigError) as error:
        raise ConfigError(f"settings from {source}: {error}") from error
    zone = values.get("time_zone")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ConfigError(
                f"settings from {source}: time_zone {zone!r} is no name of the TZ database; "
                "write one like US/Arizona"
            ) from error
    return values
