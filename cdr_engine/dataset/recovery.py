"""
What a killed writer left, put right by the next one that holds the lock.

A window that is replaced takes two renames, its rejects first and its data file last. The data file
decides: before the first rename both old files get a second name, that of the data file first, and
they lose it when all is done, that of the data file last. So wherever a writer is killed, an old
data file's second name is there as long as the two may not belong together, and so are its rejects.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cdr_engine.dataset.footer import read_footer
from cdr_engine.dataset.layout import remove_folding, sync_folder
from cdr_engine.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from cdr_engine.dataset.footer import Footer
    from cdr_engine.dataset.layout import Layout, Place

__all__ = ["recover"]


def recover(layout: Layout) -> None:
    """
    Give windows whose replacement was cut short their own rejects, and remove temporary names.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    remove_folding(layout)
    for place in layout.replaced():
        _settle(place, layout)
    for path in layout.leftovers():
        path.unlink(missing_ok=True)


def _settle(place: Place, layout: Layout) -> None:
    calls, rejects = _footer(place.calls), _footer(place.rejects)
    if calls is None or rejects is None or rejects == calls:
        return
    kept = layout.kept(place.rejects)
    if _footer(kept) == calls:
        kept.rename(place.rejects)
    elif not calls.ledger.rejected_records + calls.ledger.rejected_cells:
        place.rejects.unlink()
    sync_folder(place.rejects.parent)


def _footer(path: Path) -> Footer | None:
    with suppress(DatasetError):
        return read_footer(path).footer
    return None
