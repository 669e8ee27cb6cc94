"""
Settings: flag over environment over `./cdr.toml` over the user's `cdr.toml` over default.

Secrets come from the environment, or from a file of their own that the environment names, never
from a flag or `cdr.toml`, and never appear in a repr. As the secrets of containers are mounted for
a group, such a file may be readable by its group, but not by everybody.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from cdr_engine.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdr_engine.errors import CdrError

__all__ = ["RateLimit", "Secrets", "Settings", "duration_s", "load_settings", "rate_limits"]

FILE_NAME = "cdr.toml"
POLITE = "3/60s,9/15min"
"""Report calls the vendor allows on sister endpoints, per sub-account."""

RATE = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})?(s|min|h)")
DURATION = re.compile(r"([1-9][0-9]{0,6})(s|min|h)")
WINDOW = re.compile(r"auto|[1-9][0-9]{0,4}\s*[hdw]", re.IGNORECASE)
MAX_SECRET_BYTES = 1 << 16
LEAST_ONE = ("jobs", "max_attempts")
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
    jobs: int = 4
    """Windows under way at once."""
    max_attempts: int = 6
    """Per window."""
    deadline: str = "2h"
    """Of one window, all attempts together, such as 90s, 30min or 2h."""
    rc_server_url: str = "https://platform.ringcentral.com"
    """RingCentral's OAuth server, which takes the JWT."""
    ca_bundle: str | None = None
    """Certificates (PEM) to trust instead of the public ones: those of a company's proxy."""
    trust_environment: bool = False
    """Whether HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and the like are heeded."""

    @property
    def dataset_path(self) -> Path:
        """The dataset folder, with ~ resolved."""
        return Path(self.dataset).expanduser()

    @property
    def deadline_s(self) -> float:
        """The deadline in seconds."""
        return duration_s(self.deadline)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and credentials, each from a variable or from a file that a variable names."""

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
        """
        Read CDR_ENGAGE_TOKEN and the like, or the file that CDR_ENGAGE_TOKEN_FILE names.

        Raises
        ------
        ConfigError
            If a file cannot be read or can be read by everybody, or a secret is given twice.
        """
        return cls(**{name: _secret(name, environment) for name in cls.__struct_fields__})


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
    Read a duration such as `90s`, `30min` or `2h` as seconds.

    Raises
    ------
    ConfigError
        If it is none.
    """
    found = DURATION.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"duration {text!r}: write 90s, 30min or 2h")
    return float(int(found[1]) * UNITS[found[2]])


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
    UsageError
        If the value of a flag does not fit.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for path in (_user_file(environment), (folder or Path()) / FILE_NAME):
        if path.is_file():
            values |= _checked(_read(path), str(path))
    for name, value in _from_environment(environment).items():
        values |= _checked({name: value}, f"the environment, CDR_{name.upper()}")
    given = {name: value for name, value in flags.items() if value is not None}
    values |= _checked(given, "the command line", UsageError)
    return msgspec.convert(values, Settings, strict=False)


def _secret(name: str, environment: Mapping[str, str]) -> str | None:
    variable = f"CDR_{name.upper()}"
    value, file = environment.get(variable), environment.get(f"{variable}_FILE")
    if value and file:
        raise ConfigError(f"{variable} and {variable}_FILE are both set: keep one")
    return _secret_file(Path(file).expanduser(), f"{variable}_FILE") if file else value or None


def _secret_file(path: Path, variable: str) -> str:
    """Read a secret; as ssh does, refuse a file that others may read."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(MAX_SECRET_BYTES)
        text = content.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise ConfigError(f"{variable}: {path} cannot be read: {reason}") from None
    if mode & stat.S_IROTH:
        raise ConfigError(f"{variable}: {path} can be read by everybody: chmod 600 it")
    if not text:
        raise ConfigError(f"{variable}: {path} is empty")
    return text


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


def _checked(
    values: dict[str, Any], source: str, error_type: type[CdrError] = ConfigError
) -> dict[str, Any]:
    """Return the values of one source; raise `error_type`, naming the source, if one is bad."""
    try:
        found = msgspec.convert(values, Settings, strict=False)
        _check(found)
    except (msgspec.ValidationError, ConfigError) as error:
        raise error_type(f"settings from {source}: {error}") from error
    return values


def _check(settings: Settings) -> None:
    """Raise ConfigError, naming the setting, where a value of the right type makes no sense."""
    rate_limits(settings.rate_limit)
    if not WINDOW.fullmatch(settings.window.strip()):
        raise ConfigError(f"window {settings.window!r}: write auto, or a size such as 12h or 1d")
    if settings.deadline is not None:
        try:
            duration_s(settings.deadline)
        except ConfigError as error:
            raise ConfigError(f"deadline: {error}") from error
    for name in LEAST_ONE:
        if getattr(settings, name) < 1:
            raise ConfigError(f"{name} is less than 1")
    zone = settings.time_zone
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ConfigError(
                f"time_zone {zone!r} is no name of the TZ database; write one like US/Arizona"
            ) from error
