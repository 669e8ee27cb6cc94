"""
Every view there is: those that definitions make, the package's .sql files, and the user's own.

A file reads `-- grain: …`, `-- formula: …`, `-- source: …`, `-- caveat: …`, a blank line and one
SELECT. Staging views may read staging views, marts read staging and never each other, and a user's
own may read all; so they are created as staging by dependency, marts by name, own by dependency.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from typing import TYPE_CHECKING

from cdr_engine.definitions import Definitions
from cdr_engine.errors import ConfigError
from cdr_engine.views.defined import DEFINED, SESSION_ZONE, defined
from cdr_engine.views.quoting import text as quoted
from cdr_engine.views.view import NOTES, Layer, View

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["asked_of", "catalogue", "macros", "meaning"]

BASE = ("calls", "rejects", "spots")
NAME = re.compile(r"[a-z_][a-z0-9_]*")
NOT_STATED = "not stated"

CATALOGUES = {
    "describe", "duckdb_columns", "duckdb_views", "information_schema", "pg_catalog", "pg_views",
    "show", "sqlite_master", "summarize",
}  # fmt: skip
"""Words of SQL that looks at what views there are."""


def catalogue(definitions: Definitions | None = None, own: Path | None = None) -> tuple[View, ...]:
    """
    Every view, each after the views that it reads.

    Parameters
    ----------
    definitions
        What to count by; by default the documented defaults.
    own
        Folder of the user's own `.sql` files, read without those below it.

    Raises
    ------
    ConfigError
        The folder is not there, or one of its files has no SQL, a name that is taken or that SQL
        would have to quote, or reads itself.
    ValueError
        A file of the package does not describe itself: a bug, not a user's error.
    """
    made = defined(definitions or Definitions())
    views = (*made, *_packaged("staging"), *_packaged("marts"))
    return (*views, *_own(own, views)) if own else views


def asked_of(views: Sequence[View], text: str) -> tuple[View, ...]:
    """
    The views that a question names, and those that these read, in their order.

    SQL that may look at the catalogue itself is taken to name all.
    """
    by_name = {view.name: view for view in views}
    found: set[str] = set()
    texts = [text]
    while texts:
        words = set(re.findall(r"\w+", texts.pop().lower()))
        if words & CATALOGUES and not found:
            return tuple(views)
        named = (words & by_name.keys()) - found
        found |= named
        texts += [_read(by_name[name]) for name in named]
    return tuple(view for view in views if view.name in found)


def macros() -> str:
    """SQL that defines the macros the views use."""
    return files("cdr_engine.views").joinpath("macros.sql").read_text("utf-8")


def meaning(views: Sequence[View], asked: str, time_zone: str) -> str:
    """Digest of what an answer means: the SQL behind it, definitions, zone, DuckDB."""
    import duckdb

    digest = hashlib.sha256(f"{duckdb.__version__}\n{macros()}".encode())
    for view in asked_of(views, asked):
        sql = view.sql.replace(SESSION_ZONE, quoted(time_zone))
        digest.update(f"\n{view.name}\n{sql}".encode())
    return digest.hexdigest()


@cache
def _packaged(layer: Layer) -> tuple[View, ...]:
    """The views of one folder of the package."""
    folder = files("cdr_engine.views").joinpath(layer)
    sources = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    views = []
    for name in sorted(sources):
        notes, sql = _parse(sources[name].read_text("utf-8"))
        if tuple(notes) != NOTES:
            has = ", ".join(notes)
            raise ValueError(f"{layer}/{name} must begin with {', '.join(NOTES)}, has {has}")
        views.append(
            View(
                name=name.removesuffix(".sql"),
                layer=layer,
                sql=sql,
                is_public=layer == "marts",
                **notes,
            )
        )
    return tuple(_by_dependency(views, known=DEFINED))


def _own(folder: Path, others: Sequence[View]) -> list[View]:
    """The user's views; what their comments do not say is said to be missing."""
    if not folder.is_dir():
        raise ConfigError(f"views: there is no folder {folder}")
    taken = {*BASE, *(view.name for view in others)}
    views = []
    for path in sorted(folder.glob("*.sql")):
        if not NAME.fullmatch(path.stem):
            raise ConfigError(f"{path}: call it by a name such as calls_by_team.sql")
        if path.stem in taken:
            raise ConfigError(f"{path}: there is a view {path.stem} already; call it another")
        try:
            notes, sql = _parse(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        if not sql:
            raise ConfigError(f"{path} has no SELECT")
        said = {note: notes.get(note, NOT_STATED) for note in NOTES}
        views.append(View(name=path.stem, layer="own", sql=sql, is_public=True, **said))
    try:
        return _by_dependency(views, known=())
    except CycleError as error:
        names = " and ".join(sorted(set(error.args[1])))
        raise ConfigError(f"{folder}: {names} read each other") from error


def _parse(text: str) -> tuple[dict[str, str], str]:
    """The notes of the first comment lines, in their order, and the SQL below them."""
    lines = text.replace("\r\n", "\n").strip().splitlines()
    head = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    notes = dict(
        re.findall(rf"^-- ({'|'.join(NOTES)}): (.+)$", "\n".join(lines[:head]), re.MULTILINE)
    )
    return notes, "\n".join(lines[head:]).strip().removesuffix(";").rstrip()


def _by_dependency(views: list[View], known: Sequence[str]) -> list[View]:
    """The same views, each after those it reads; the known ones are there before."""
    by_name = {view.name: view for view in views}
    reads = {
        view.name: sorted(
            (by_name.keys() - set(known)) & set(re.findall(r"\w+", _read(view))) - {view.name}
        )
        for view in views
    }
    return [by_name[name] for name in TopologicalSorter(reads).static_order()]


def _read(view: View) -> str:
    """Text that names what a view reads: of the package's its note, of a user's its SQL."""
    return view.sql if view.layer == "own" else view.source
