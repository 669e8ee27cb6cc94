"""
Settings: flag over environment over `./cdr.toml` over the user's `cdr.toml` over default.

Secrets come from elsewhere, see `secret_sources`, and never appear in a repr.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from cdr_engine.definitions import Definitions
from cdr_engine.errors import ConfigError, UsageError
from cdr_engine.secret_sources import read_secret, secret_origin
from cdr_engine.windows import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Layer",
    "RateLimit",
    "Secrets",
    "Settings",
    "duration_s",
    "load_settings",
    "origins",
    "rate_limits",
    "setting_files",
]

FILE_NAME = "cdr.toml"
POLITE = "3/60s,9/15min"
"""Report calls the vendor allows on sister endpoints, per sub-account."""

RATE = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})?(s|min|h)")
DURATION = re.compile(r"([1-9][0-9]{0,6})\s*(s|min|h|d)")
LEAST_ONE = ("jobs", "max_attempts")
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


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

    views: str | None = None
    """Folder of `.sql` files that join the views; from a file it is meant from the file's place."""
    definitions: Definitions = Definitions()
    """What the views count by."""

    @property
    def views_path(self) -> Path | None:
        """The folder of the user's views, with ~ resolved."""
        return Path(self.views).expanduser() if self.views else None

    @property
    def dataset_path(self) -> Path:
        """The dataset folder, with ~ resolved."""
        return Path(self.dataset).expanduser()

    @property
    def deadline_s(self) -> float:
        """The deadline in seconds."""
        return duration_s(self.deadline)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and credentials; see `secret_sources` for where each comes from."""

    engage_token: str | None = None
    api_token: str | None = None
    rc_client_id: str | None = None
    rc_client_secret: str | None = None
    rc_jwt: str | None = None
    engage_user: str | None = None
    engage_password: str | None = None
    engage_platform_id: str | None = None

    def __repr__(self) -> str:
        known = [name for name in self.__struct_fields__ if getattr(self, name)]
        return f"Secrets({', '.join(f'{name}=…' for name in known)})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Secrets:
        """Read CDR_ENGAGE_TOKEN, CDR_ENGAGE_TOKEN_FILE and so on; for errors see `read_secret`."""
        return cls(
            **{name: read_secret(variable(name), environment) for name in cls.__struct_fields__}
        )

    @classmethod
    def origins(cls, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Name the variable each secret comes from, without reading it; None if there is none."""
        names = cls.__struct_fields__
        return {name: secret_origin(variable(name), environment) for name in names}


class Layer(NamedTuple):
    """What one source says, from a flag, a variable or a file."""

    kind: Literal["flag", "variable", "file"]
    place: str
    """Name of the flag or variable, path of the file."""
    values: dict[str, Any]

    def check(self) -> None:
        """Raise UsageError for a flag, ConfigError else, naming the source, if a value is bad."""
        try:
            _check(msgspec.convert(self.values, Settings, strict=False))
        except (msgspec.ValidationError, ConfigError) as error:
            text = f"settings from {self.source}: {error}"
        else:
            return
        raise UsageError(text) if self.kind == "flag" else ConfigError(text)

    @property
    def source(self) -> str:
        """As messages name it."""
        return {
            "flag": f"the command line, {self.place}",
            "variable": f"the environment, {self.place}",
            "file": self.place,
        }[self.kind]


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
    values: dict[str, Any] = {}
    for layer in _layers(flags, environment, folder):
        values = _laid_over(values, layer.values)
    return msgspec.convert(values, Settings, strict=False)


def origins(
    flags: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> dict[str, Layer]:
    """
    Tell which source each setting comes from, but for defaults; errors as `load_settings`.

    Of a table each value has its own: `definitions.service_level_s`.
    """
    found: dict[str, Layer] = {}
    for layer in _layers(flags, environment, folder):
        for name, value in layer.values.items():
            parts = [f"{name}.{part}" for part in value] if isinstance(value, dict) else [name]
            found |= dict.fromkeys(parts, layer)
    return found


def setting_files(
    environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> tuple[Path, Path]:
    """Return where the user's and the working folder's `cdr.toml` are looked for."""
    environment = os.environ if environment is None else environment
    home = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(home) / "cdr" / FILE_NAME, (folder or Path()) / FILE_NAME


def variable(name: str) -> str:
    """Name the variable of a setting or a secret."""
    return f"CDR_{name.upper()}"


def _layers(
    flags: Mapping[str, Any], environment: Mapping[str, str] | None, folder: Path | None
) -> Iterator[Layer]:
    """Every source that says something, from the weakest to the strongest, checked."""
    environment = os.environ if environment is None else environment
    layers = [
        Layer("file", str(path), _placed(_read(path), path.parent))
        for path in setting_files(environment, folder)
        if path.is_file()
    ]
    for name, value in _from_environment(environment).items():
        layers.append(Layer("variable", variable(name), {name: value}))
    for name, value in flags.items():
        if value is not None:
            flag = "account" if name == "accounts" else name.replace("_", "-")
            layers.append(Layer("flag", f"--{flag}", {name: value}))
    for layer in layers:
        layer.check()
        yield layer


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _placed(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same values, `views` from the folder of the file that says it."""
    views = values.get("views")
    if not isinstance(views, str):
        return values
    return values | {"views": str(folder / Path(views).expanduser())}


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The values of both, the upper before the lower, table by table."""
    return below | {
        name: _laid_over(below[name], value)
        if isinstance(value, dict) and isinstance(below.get(name), dict)
        else value
        for name, value in above.items()
    }


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in set(Settings.__struct_fields__) - {"definitions"}:
        text = environment.get(variable(name))
        if text:
            values[name] = text.replace(",", " ").split() if name == "accounts" else text
    return values


def _check(settings: Settings) -> None:
    """Raise ConfigError, naming the setting, where a value of the right type makes no sense."""
    rate_limits(settings.rate_limit)
    settings.definitions.check()
    try:
        size_of(settings.window)
    except UsageError as error:
        raise ConfigError(str(error)) from None
    try:
        duration_s(settings.deadline)
    except ConfigError as error:
        raise ConfigError(f"deadline: {error}") from None
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
