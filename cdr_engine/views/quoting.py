"""Values and names as SQL, and paths as patterns: nothing of them is ever read as SQL."""

from __future__ import annotations

import re

__all__ = ["escape", "name", "text"]


def escape(path: str) -> str:
    """A path as a glob that matches only itself."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """A SQL identifier."""
    return '"' + value.replace('"', '""') + '"'
