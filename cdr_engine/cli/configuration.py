"""Commands about settings: what holds here, and where it comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from cyclopts import App, Parameter

from cdr_engine.cli.common import Common, Connection, emit, output

if TYPE_CHECKING:
    from cdr_engine.settings import Layer

__all__ = ["config"]

_COMMON, _CONNECTION = Common(), Connection()

config = App(name="config", help="Show settings, and where each of them comes from.")


class Shown(NamedTuple):
    """One setting, or one secret without its value."""

    name: str
    value: Any
    kind: str
    """flag, variable, file or default."""
    place: str | None
    """Name of the flag or variable, path of the file."""

    @property
    def origin(self) -> str:
        """As a table says it."""
        return self.kind if self.place is None else f"{self.kind} {self.place}"


@config.command
def show(
    *,
    origin: Annotated[bool, Parameter(negative="")] = False,
    time_zone: str | None = None,
    window: str | None = None,
    rate_limit: str | None = None,
    jobs: int | None = None,
    max_attempts: int | None = None,
    deadline: str | None = None,
    connection: Connection = _CONNECTION,
    common: Common = _COMMON,
) -> int:
    """
    Show every setting that holds here; of secrets only whether they are set.

    No file or command that holds a secret is read or run.

    Parameters
    ----------
    origin
        Say also which flag, variable or file each value comes from.
    time_zone
        As for export.
    window
        As for export.
    rate_limit
        As for export.
    jobs
        As for export.
    max_attempts
        As for export.
    deadline
        As for export.
    """
    from rich.markup import escape

    from cdr_engine.cli.tables import listing

    flags = {
        "dataset": common.dataset,
        **connection.flags(),
        "time_zone": time_zone,
        "window": window,
        "rate_limit": rate_limit,
        "jobs": jobs,
        "max_attempts": max_attempts,
        "deadline": deadline,
    }
    found = [*_settings(flags), *_secrets()]
    if common.json:
        emit({"settings": [one._asdict() for one in found]})
        return 0
    table = listing("name", "value", "origin") if origin else listing("name", "value")
    for one in found:
        cells = [one.name, _text(one.value), one.origin]
        table.add_row(*map(escape, cells if origin else cells[:2]))
    output().print(table)
    return 0


@config.command
def path(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """
    Print where settings files are looked for, the stronger one last.

    Parameters
    ----------
    json
        Print one JSON document, which says also which of them exist.
    """
    from cdr_engine.settings import setting_files

    paths = [Path.cwd() / path for path in setting_files()]
    if json:
        emit([{"path": str(path), "exists": path.is_file()} for path in paths])
        return 0
    for file in paths:
        output().print(str(file), soft_wrap=True, markup=False)
    return 0


def _settings(flags: dict[str, Any]) -> list[Shown]:
    from cdr_engine.settings import load_settings, origins

    settings, sources = load_settings(flags), origins(flags)
    found = []
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            found += [
                Shown(f"{name}.{part}", shown, *_origin(sources.get(f"{name}.{part}")))
                for part, shown in msgspec.to_builtins(value).items()
            ]
        else:
            found.append(Shown(name, value, *_origin(sources.get(name))))
    return found


def _origin(layer: Layer | None) -> tuple[str, str | None]:
    if layer is None:
        return "default", None
    return layer.kind, str(Path(layer.place).resolve()) if layer.kind == "file" else layer.place


def _secrets() -> list[Shown]:
    from cdr_engine.settings import Secrets

    return [
        Shown(name, "***", "variable", variable) if variable else Shown(name, None, "default", None)
        for name, variable in Secrets.origins(os.environ).items()
    ]


def _text(value: Any) -> str:
    if value is None or value in ((), {}):
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
