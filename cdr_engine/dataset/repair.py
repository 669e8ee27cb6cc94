"""
Take damaged files out of a dataset, so that what they held counts as missing.

Nothing is deleted but what an interrupted writer left, and damaged counts: damaged files move to
`damaged/` under a name that no pattern for data files matches. Whoever plans afterwards finds their
windows missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.dataset.layout import NO_ACCOUNT, Layout, Place, make_folder, sync_folder
from cdr_engine.dataset.lock import writer_lock
from cdr_engine.dataset.verify import Finding, verify
from cdr_engine.errors import CommitError
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Repair", "repair"]

SUFFIX = ".damaged"


class Repair(NamedTuple):
    """What a repair did, and what is missing now."""

    findings: tuple[Finding, ...]
    """What was wrong."""
    removed: tuple[Path, ...]
    """Left over by an interrupted writer, and counts, which can be made again."""
    set_aside: tuple[Path, ...]
    """Damaged files, where they are now."""
    to_fetch: tuple[tuple[str, Window], ...]
    """Windows to export again, with their accounts."""
    to_ingest: tuple[str, ...]
    """SHA-256 of archived files to ingest again."""


def repair(layout: Layout) -> Repair:
    """
    Remove leftovers and set damaged windows aside, under the writer's lock.

    Raises
    ------
    DatasetLocked
        If another process writes.
    CommitError
        If the folder does not allow it.
    """
    leftovers = layout.leftovers()
    with writer_lock(layout):
        removed = tuple(path for path in leftovers if not path.exists())
        findings = tuple(verify(layout))
        counts = tuple(f.path for f in findings if layout.rollups in f.path.parents)
        places = {
            layout.calls / finding.path.parent.name / finding.path.name: None
            for finding in findings
            if finding.path.parent != layout.spots and finding.path not in counts
        }
        logs = [finding.path for finding in findings if finding.path.parent == layout.spots]
        set_aside: list[Path] = []
        try:
            for calls in places:
                place = Place(calls, layout.rejects / calls.parent.name / calls.name)
                # The data file first: without it the rejects count as left over.
                set_aside += [_set_aside(layout, path) for path in place if path.exists()]
            set_aside += [_set_aside(layout, path) for path in logs if path.exists()]
            for path in counts:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise CommitError(f"cannot repair {layout.root}: {error.strerror}") from error
    windows = {path: Window.named(path.stem) for path in places}
    return Repair(
        findings,
        (*removed, *counts),
        tuple(set_aside),
        tuple(
            (path.parent.name.partition("=")[2], window)
            for path, window in windows.items()
            if window is not None and not path.parent.name.endswith(NO_ACCOUNT)
        ),
        tuple(path.stem for path, window in windows.items() if window is None)
        + tuple(path.stem for path in logs),
    )


def _set_aside(layout: Layout, path: Path) -> Path:
    """Move a damaged file below `damaged/`; returns where it is now."""
    folder = layout.root / "damaged" / path.relative_to(layout.root).parent
    make_folder(folder)
    target = folder / f"{path.name}{SUFFIX}"
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.name}.{number}{SUFFIX}"
    path.rename(target)
    sync_folder(folder)
    sync_folder(path.parent)
    return target
