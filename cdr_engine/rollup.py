"""Counts and answers kept beside a dataset's data files: the library's side of `cdr rollup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.dataset import (
    FILE_NUMBER,
    Layout,
    Rollup,
    answered_views,
    commit_answer,
    commit_rollup,
    content_key,
    coverage,
    kept_answers,
    read_rollup,
)
from cdr_engine.errors import DatasetError
from cdr_engine.views import (
    ANSWERED,
    Kept,
    Selection,
    answer_keys,
    catalogue,
    connect,
    count_files,
    counted,
    counts_key,
    query,
    relations,
    use_answers,
    use_counts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from cdr_engine.dataset import DataFile
    from cdr_engine.definitions import Definitions
    from cdr_engine.views import View

__all__ = ["RollupSummary", "is_due", "rollup", "use_kept"]

CHUNK_CALLS = 4_000_000
CHUNK_FILES = 2_000
"""What is counted at a time: it bounds how many files are open, and what a count holds."""


DUE_CALLS = 1_000_000
DUE_FILES = 1_000
"""So many that are not counted are felt: a question takes some tenths of a second for them."""


ANSWER_MEMORY = "1GB"
"""What a question holds whose answer is kept; the rest goes to a temporary folder."""


class RollupSummary(NamedTuple):
    """What was counted."""

    n_files: int
    """Data files that were counted now."""
    n_calls: int
    """Their calls."""
    n_kept_files: int
    """Data files whose counts were there already."""
    n_answers: int
    """Views whose answer about all the calls is kept; 0 where none was asked for."""


def rollup(
    path: str | Path,
    *,
    time_zone: str | None = None,
    definitions: Definitions | None = None,
    answers: bool = True,
    on_count: Callable[[int], None] | None = None,
) -> RollupSummary:
    """
    Count the calls of data files that are not counted yet, and keep that beside them.

    Views that sum counts then read those, of years in the time that days took. Views whose counts
    do not add up are asked once, and their answers kept until a data file or spot log comes, goes
    or changes. Which files were counted is known, so answers are the same before, between and
    afterwards, whatever is exported, replaced or folded meanwhile; what is kept may be deleted at
    any time.

    Parameters
    ----------
    path
        The dataset.
    time_zone
        Zone of local days; by default the one most of its reports were made in. Questions in
        another zone count anew.
    definitions
        What the views count by; by default the documented defaults. Questions by others count anew.
    answers
        Whether to keep answers too: that reads every call again, however few are new.
    on_count
        Told of how many files were counted each time that some were.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of its data files cannot be read.
    UsageError
        If there is no such zone.
    ViewError
        If DuckDB cannot read the data files.
    CommitError
        If the disk refuses.
    """
    place, found = _found(path, time_zone, definitions)
    if found.uncounted or found.stale:
        _count(place, found, on_count)
    return RollupSummary(
        len(found.uncounted),
        found.n_uncounted_calls,
        len(found.counted),
        _answer(place) if answers else 0,
    )


def is_due(path: str | Path, *, definitions: Definitions | None = None) -> bool:
    """
    Tell whether a rollup in the zone of most reports lacks so much that questions feel it.

    Raises
    ------
    DatasetError
        If there is no such folder, or one of its data files cannot be read.
    """
    found = _found(path, None, definitions)[1]
    return len(found.uncounted) >= DUE_FILES or found.n_uncounted_calls >= DUE_CALLS


def use_kept(
    con: DuckDBPyConnection,
    layout: Layout,
    files: Sequence[DataFile],
    views: Sequence[View],
    selection: Selection,
    time_zone: str,
) -> tuple[list[str], list[str]]:
    """
    Let the views of an open dataset read what is kept, where it answers the selection.

    Returns
    -------
    list of str, list of str
        Counted views that do, and views that read their answer.

    Raises
    ------
    ViewError
        If DuckDB refuses.
    """
    found = read_rollup(layout, counts_key(views, time_zone), files)
    from_counts = use_counts(con, _kept_of(found), views, selection, time_zone)
    names = sorted(answered_views(layout).intersection(ANSWERED, relations(con)))
    if not names:
        return from_counts, []
    keys = answer_keys(names, views, time_zone, content_key(layout, files))
    return from_counts, use_answers(con, kept_answers(layout, keys), selection, time_zone)


class _Place(NamedTuple):
    """Where the counts of one meaning are."""

    layout: Layout
    time_zone: str
    views: Sequence[View]
    key: str


def _found(
    path: str | Path, time_zone: str | None, definitions: Definitions | None
) -> tuple[_Place, Rollup]:
    root = Path(path).resolve()
    if not root.is_dir():
        raise DatasetError(f"no dataset at {path}: there is no such folder")
    layout = Layout(root)
    held = coverage(layout)
    zone = time_zone or (held.time_zones or ["UTC"])[0]
    views = catalogue(definitions)
    key = counts_key(views, zone)
    return _Place(layout, zone, views, key), read_rollup(layout, key, held.files)


def _count(place: _Place, found: Rollup, on_count: Callable[[int], None] | None) -> None:
    """Count what is not counted, and commit that with what was."""
    con = connect(place.layout.root, time_zone=place.time_zone, views=place.views, others={})
    with con:
        numbers = _free_numbers(found)
        files = dict(found.counted)
        for chunk in _chunks(found.uncounted):
            numbered = {next(numbers): file for file in chunk}
            count_files(
                con,
                {n: (file.path, file.footer.account_id) for n, file in numbered.items()},
                FILE_NUMBER,
            )
            files |= numbered
            if on_count is not None:
                on_count(len(chunk))
        commit_rollup(place.layout, place.key, files, counted(con, _kept_of(found)))


def _answer(place: _Place) -> int:
    """Keep answers that are not kept, as long as the dataset is the same; gives how many are."""
    files = coverage(place.layout).files
    if not files:
        return 0
    content = content_key(place.layout, files)
    keys = answer_keys(ANSWERED, place.views, place.time_zone, content)
    kept = kept_answers(place.layout, keys)
    missing = sorted(keys.keys() - kept.keys())
    if not missing:
        return len(kept)
    con = connect(
        place.layout.root,
        time_zone=place.time_zone,
        views=place.views,
        asked=" ".join(missing),
        others={},
        memory=ANSWER_MEMORY,
    )
    with con:
        use_kept(con, place.layout, files, place.views, Selection(), place.time_zone)
        for n_kept, name in enumerate(missing, len(kept)):
            if not commit_answer(place.layout, name, keys[name], content, query(con, name)):
                return n_kept
    return len(keys)


def _kept_of(found: Rollup) -> Kept:
    """What a rollup keeps, as the views take it."""
    rest = tuple(file.path for file in found.uncounted)
    return Kept(found.tables, FILE_NUMBER, found.stale, rest)


def _free_numbers(found: Rollup) -> Iterator[int]:
    """Numbers that no row has."""
    number = max((*found.counted, *found.stale), default=0)
    while True:
        number += 1
        yield number


def _chunks(files: tuple[DataFile, ...]) -> Iterator[list[DataFile]]:
    """Files that are counted at a time."""
    chunk: list[DataFile] = []
    calls = 0
    for file in files:
        if chunk and (len(chunk) == CHUNK_FILES or calls > CHUNK_CALLS):
            yield chunk
            chunk, calls = [], 0
        chunk.append(file)
        calls += file.footer.ledger.rows
    if chunk:
        yield chunk
