"""A view: its name, its SQL, and what its reader has to know."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["NOTES", "Layer", "View"]

Layer = Literal["staging", "marts", "own"]
"""`own` are the user's."""

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
