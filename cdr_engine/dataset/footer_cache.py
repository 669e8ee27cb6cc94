"""
Footers of many files kept in one, so that telling what a large dataset holds opens none of them.

It is a cache: an entry counts only while the file's size, time of change and inode are what they
were before its footer was read. Data files are never written to, they are replaced by rename, so
another content is another inode with another time. Deleting the cache changes no answer.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cdr_engine.dataset.footer import DataFile, Footer
from cdr_engine.dataset.layout import FILE_MODE, PARTIAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cdr_engine.dataset.layout import Layout

__all__ = ["MANY", "FooterCache", "Identity", "identity"]

MANY = 1000
"""Files from which on it is worth it: so many footers take some tenths of a second to read."""

NAME = ".footers"
VERSION = 1


class Identity(NamedTuple):
    """What tells a file from one that took its name."""

    size: int
    changed_ns: int
    inode: int


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    size: int
    changed_ns: int
    inode: int
    footer: Footer


class _Content(msgspec.Struct, frozen=True, array_like=True):
    version: int
    entries: dict[str, _Entry]


_DECODER = msgspec.msgpack.Decoder(_Content)
"""Made here, before there are threads; see `footer`."""


def identity(path: Path) -> Identity:
    """
    Return the identity of a file; to be asked for before its footer is read.

    Raises
    ------
    FileNotFoundError
        If it is gone.
    """
    found = path.stat()
    return Identity(found.st_size, found.st_mtime_ns, found.st_ino)


class FooterCache:
    """The cache of one dataset, as it was when it was opened."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._entries: dict[str, _Entry] = {}
        with suppress(OSError, msgspec.DecodeError):
            content = _DECODER.decode((layout.root / NAME).read_bytes())
            if content.version == VERSION:
                self._entries = content.entries

    def find(self, path: Path, found: Identity) -> DataFile | None:
        """The file with its footer, if it is the one that was kept."""
        entry = self._entries.get(_key(path))
        if entry is None or (entry.size, entry.changed_ns, entry.inode) != found:
            return None
        return DataFile(path, entry.footer, entry.size)

    def keep(self, files: Sequence[tuple[Identity, DataFile]]) -> None:
        """Write the footers of all files, in place of what was there; a folder may forbid it."""
        entries = {_key(file.path): _Entry(*found, file.footer) for found, file in files}
        content = msgspec.msgpack.encode(_Content(VERSION, entries))
        partial = self._layout.root / f"{NAME}-{secrets.token_hex(8)}{PARTIAL}"
        try:
            partial.touch(FILE_MODE, exist_ok=False)
            partial.write_bytes(content)
            partial.replace(self._layout.root / NAME)
        except OSError:
            with suppress(OSError):
                partial.unlink()


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
