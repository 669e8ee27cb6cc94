"""
The views as the package holds them: one .sql file each, described by its first comment lines.

A file reads `-- grain: …`, `-- formula: …`, `-- source: …`, `-- caveat: …`, a blank line and one
SELECT. Staging views may read staging views, marts read staging and never each other; so the
order in which they are created is staging by dependency, then marts by name.
"""

from __future__ import annotations

import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Literal

import msgspec

__all__ = ["View", "catalogue", "macros"]

Layer = Literal["staging", "marts"]

NOTES = ("grain", "formula", "source", "caveat")
"""What the first comment lines of a file say, in this order."""


class View(msgspec.Struct, frozen=True):
    """A SQL view and what its reader has to know."""

    name: str
    layer: Layer
    grain: str
    """What one row is."""
    formula: str
    source: str
    """The relations it reads."""
    caveat: str
    sql: str
    """One SELECT, without its describing comments."""
    is_public: bool
    """Meant to be read by users: the marts. Staging is there for queries of one's own."""

    @property
    def comment(self) -> str:
        """The notes as one text, a line each: what `comment on view` holds."""
        return "\n".join(f"{note}: {getattr(self, note)}" for note in NOTES)


@cache
def catalogue() -> tuple[View, ...]:
    """
    Every view of the package, each after the views that it reads.

    Raises
    ------
    ValueError
        A file of the package does not describe itself: a bug, not a user's error.
    """
    return (*_by_dependency(_views("staging")), *_views("marts"))


def macros() -> str:
    """SQL that defines the macros the views use."""
    return files("cdr_engine.views").joinpath("macros.sql").read_text("utf-8")


def _views(layer: Layer) -> list[View]:
    """The views of one folder, by name."""
    folder = files("cdr_engine.views").joinpath(layer)
    sources = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    return [
        _parse(name.removesuffix(".sql"), layer, sources[name].read_text("utf-8"))
        for name in sorted(sources)
    ]


def _parse(name: str, layer: Layer, text: str) -> View:
    """A view out of its file's text."""
    head, _, sql = text.partition("\n\n")
    notes = dict(re.findall(r"^-- (\w+): (.+)$", head, re.MULTILINE))
    if tuple(notes) != NOTES:
        raise ValueError(f"{layer}/{name}.sql must begin with {', '.join(NOTES)}, has {[*notes]}")
    return View(name=name, layer=layer, sql=sql.strip(), is_public=layer == "marts", **notes)


def _by_dependency(views: list[View]) -> list[View]:
    """The same views, each after those it reads."""
    by_name = {view.name: view for view in views}
    reads = {
        view.name: sorted(by_name.keys() & set(re.findall(r"\w+", view.source)) - {view.name})
        for view in views
    }
    return [by_name[name] for name in TopologicalSorter(reads).static_order()]
