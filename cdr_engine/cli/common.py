"""What the commands share: their common flags, and how they speak."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

    from cdr_engine.api import ReportService
    from cdr_engine.dataset import DataFile
    from cdr_engine.settings import Settings

__all__ = [
    "Common",
    "Connection",
    "amount",
    "described",
    "emit",
    "errors",
    "open_service",
    "output",
    "private",
    "size",
]


PIPE_WIDTH = 160
"""Characters of a line where no terminal sets a width."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Flags of every command that works on a dataset."""

    dataset: str | None = None
    """The folder; CDR_DATASET, default ./cdr-dataset."""
    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document instead of tables."""

    def settings(self, **flags: Any) -> Settings:
        """Lay these flags over environment, files and defaults."""
        from cdr_engine.settings import load_settings

        return load_settings({"dataset": self.dataset, **flags})

    def meaning(self) -> dict[str, Any]:
        """What `open_dataset` and `write_views` are told of the settings."""
        settings = self.settings()
        return {"definitions": settings.definitions, "own_views": settings.views_path}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """Flags of every command that asks the service."""

    base_url: str | None = None
    """BASE_URL of the service, ending in /voice; CDR_BASE_URL."""
    rc_server_url: str | None = None
    """RingCentral's OAuth server, for a JWT; CDR_RC_SERVER_URL."""
    account: Annotated[tuple[str, ...] | None, Parameter(negative="")] = None
    """Account id, repeatable; CDR_ACCOUNTS, default all."""
    user_id: int | None = None
    """User to ask for profiles with; CDR_USER_ID, looked up by default."""

    def flags(self) -> dict[str, Any]:
        """As settings name them."""
        return {
            "base_url": self.base_url,
            "rc_server_url": self.rc_server_url,
            "accounts": self.account,
            "user_id": self.user_id,
        }


def open_service(settings: Settings) -> ReportService:
    """
    Connect with the token or the credentials of the environment.

    Raises
    ------
    ConfigError
        If there are none.
    """
    from cdr_engine.api import EngageLogin, ReportService, RingCentralApp, token_source
    from cdr_engine.settings import Secrets

    secrets = Secrets.from_environment(os.environ)
    parts = (secrets.rc_client_id, secrets.rc_client_secret, secrets.rc_jwt)
    login = (secrets.engage_user, secrets.engage_password, secrets.engage_platform_id)
    token = token_source(
        engage_token=secrets.engage_token,
        app=RingCentralApp(*(part or "" for part in parts)) if any(parts) else None,
        login=EngageLogin(*(part or "" for part in login)) if any(login) else None,
        api_token=secrets.api_token,
        base_url=settings.base_url,
        rc_server_url=settings.rc_server_url,
        ca_bundle=settings.ca_bundle,
        trust_environment=settings.trust_environment,
    )
    return ReportService(
        settings.base_url,
        token,
        deadline_s=settings.deadline_s,
        ca_bundle=settings.ca_bundle,
        trust_environment=settings.trust_environment,
    )


@cache
def output() -> Console:
    """Standard output: data."""
    from cdr_engine.cli.consoles import OutputConsole

    return OutputConsole(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


@cache
def errors() -> Console:
    """Standard error: everything else."""
    from cdr_engine.cli.consoles import ErrorConsole

    width = None if sys.stderr.isatty() else PIPE_WIDTH
    return ErrorConsole(stderr=True, highlight=False, width=width)


def emit(document: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def private(path: str, flags: int) -> int:
    """Open a new file for its owner alone: it may hold callers' numbers."""
    return os.open(path, flags, 0o600)


def amount(number: float) -> str:
    """A count with its thousands apart."""
    return f"{number:,.0f}"


def described(file: DataFile) -> dict[str, Any]:
    """One data file as JSON values."""
    return {"path": str(file.path), "size": file.size} | file.footer.describe()


def size(count: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
