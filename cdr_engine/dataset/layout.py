"""Names in a dataset: which file holds what, and which names no reader ever sees."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from cdr_engine.errors import UsageError

__all__ = [
    "FOLDING",
    "Layout",
    "Place",
    "create_file",
    "make_folder",
    "remove_folding",
    "sync_file",
    "sync_folder",
]

ACCOUNT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}")
NO_ACCOUNT = "__HIVE_DEFAULT_PARTITION__"
"""How Hive-partitioned folders spell NULL: archives whose account nobody named."""
PARTIAL = ".partial"
"""Suffix of what is being written: no `*.parquet` pattern matches it."""
FOLDING = ".folding"
"""Folder in which an account's new folder is made, laid out as a dataset; no pattern reaches it."""
KEPT = f"-before{PARTIAL}"
"""Suffix of a committed file's second name."""
TICK_NS = 2_000_000_000
"""More than any file system's step of time."""
FOLDER_MODE = 0o700
FILE_MODE = 0o600


class Place(NamedTuple):
    """Where one data file and its rejects go."""

    calls: Path
    rejects: Path


class Layout:
    """The paths of one dataset folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = root / "calls"
        self.rejects = root / "rejects"
        self.spots = root / "spots"
        self.rollups = root / "rollups"
        self.lock = root / ".lock"

    def place(self, account_id: str | None, name: str) -> Place:
        """
        Paths of the data file with this name (without suffix) and of its rejects.

        Raises
        ------
        UsageError
            If the account's id cannot be a folder's name.
        """
        if account_id is not None and not ACCOUNT.fullmatch(account_id):
            raise UsageError("an account id is digits or letters, at most 63 of them")
        folder = f"account_id={NO_ACCOUNT if account_id is None else account_id}"
        file = f"{name}.parquet"
        return Place(self.calls / folder / file, self.rejects / folder / file)

    def data_files(self) -> list[Path]:
        """Committed data files, by account and name."""
        return [
            folder / name
            for folder in sorted(self.calls.glob("account_id=*"))
            if folder.is_dir()
            for name in sorted(entry.name for entry in os.scandir(folder))
            if name.endswith(".parquet")
        ]

    def state(self) -> frozenset[tuple[str | int, ...]]:
        """
        What tells one state of the dataset from another: folders and when they changed.

        Files come, go and are replaced by name, which is a change of their folder. Two changes can
        bear one time: of a folder that changed a moment ago the files are told as well.
        """
        found: list[tuple[str | int, ...]] = []
        now_ns = time.time_ns()
        for pattern in ("calls/account_id=*", "rejects/account_id=*", "spots", "rollups/*"):
            for folder in self.root.glob(pattern):
                its = folder.stat()
                found.append((str(folder), its.st_mtime_ns, its.st_ino))
                if now_ns - its.st_mtime_ns < TICK_NS and folder.is_dir():
                    found += [_state_of(entry) for entry in os.scandir(folder)]
        return frozenset(found)

    def folders(self) -> dict[str, int]:
        """Every account's folder with its inode, which a folding changes."""
        return {path.name: path.stat().st_ino for path in self.calls.glob("account_id=*")}

    def is_folded_since(self, folders: dict[str, int]) -> bool:
        """Tell whether a folding has exchanged one of the folders that were there."""
        now = self.folders()
        return any(now.get(name) != inode for name, inode in folders.items())

    def reject_files(self) -> list[Path]:
        """Committed files of rejects, by account and name."""
        return sorted(self.rejects.glob("account_id=*/*.parquet"))

    def spot_files(self) -> list[Path]:
        """Committed spot logs, by name."""
        return sorted(self.spots.glob("*.parquet"))

    def kept(self, path: Path) -> Path:
        """Second name of a committed file while it is being replaced."""
        return path.with_name(f".{path.stem}{KEPT}")

    def replaced(self) -> list[Place]:
        """Windows whose replacement had begun and did not end."""
        return [
            Place(folder / name, self.rejects / folder.name / name)
            for folder, name in (
                (path.parent, f"{path.name[1:].removesuffix(KEPT)}.parquet")
                for path in sorted(self.calls.glob(f"account_id=*/.*{KEPT}"))
            )
        ]

    def leftovers(self) -> list[Path]:
        """What interrupted writers left: temporary names, and rejects without their data file."""
        places = ("calls/*", "rejects/*", "spots")
        partial = [path for place in places for path in self.root.glob(f"{place}/*{PARTIAL}")]
        orphans = [
            path
            for path in self.reject_files()
            if not (self.calls / path.parent.name / path.name).exists()
        ]
        folding = [self.root / FOLDING] if (self.root / FOLDING).exists() else []
        return sorted(partial + orphans + folding)


def _state_of(entry: os.DirEntry[str]) -> tuple[str | int, ...]:
    """A file's name, change and inode; a writer may rename its own meanwhile."""
    try:
        its = entry.stat()
    except FileNotFoundError:
        return (entry.path,)
    return entry.path, its.st_mtime_ns, its.st_ino


def make_folder(path: Path) -> None:
    """Make a folder and its parents for the owner only; those that exist stay as they are."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    sync_folder(path.parent)


def remove_folding(layout: Layout) -> None:
    """Remove what a folding left: before the exchange its new folder, afterwards the old one."""
    folder = layout.root / FOLDING
    if folder.exists():
        shutil.rmtree(folder)


def create_file(path: Path) -> None:
    """Make an empty file for the owner only, where there is none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    os.close(os.open(path, flags, FILE_MODE))


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
