"""Replacements that were cut short: made by hand, as a kill between two steps leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from dataset_given import ACCOUNT, call, committed, day, names_in, reject

from cdr_engine.dataset import Layout, verify, writer_lock
from cdr_engine.dataset.writer import _keep

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = [reject(1), reject(2)], [reject(3)]


def versions(tmp_path: Path, before: list[object], after: list[object]) -> tuple[Layout, Layout]:
    """Two datasets of the same window: as it was, and as it is to become."""
    layouts = Layout(tmp_path / "dataset"), Layout(tmp_path / "other")
    committed(layouts[0], [call(1), call(2)], day(0), before)  # type: ignore[arg-type]
    committed(layouts[1], [call(3)], day(0), after)  # type: ignore[arg-type]
    return layouts


def take(layout: Layout, other: Layout, steps: int) -> None:
    """Do so many steps of a replacement, in the order of the writer."""
    place = layout.place(ACCOUNT, day(0).name)
    new = other.place(ACCOUNT, day(0).name)
    had = [path for path in place if path.exists()]
    place.rejects.parent.mkdir(parents=True, exist_ok=True)
    todo = [lambda path=path: _keep(path, layout.kept(path)) for path in had]
    if new.rejects.exists():
        todo.append(lambda: new.rejects.rename(place.rejects))
    todo.append(lambda: new.calls.rename(place.calls))
    if not new.rejects.exists():
        todo.append(lambda: place.rejects.unlink(missing_ok=True))
    todo += [lambda path=path: layout.kept(path).unlink() for path in reversed(had)]
    assert steps <= len(todo) + 1
    for step in todo[:steps]:
        step()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize(("before", "after"), [([], NEW), (OLD, NEW), (OLD, []), ([], [])], ids=str)
def test_killed_after_any_step(
    tmp_path: Path, before: list[object], after: list[object], steps: int
) -> None:
    """Wherever a replacement stops, the next writer leaves a window with the rejects it had."""
    layout, other = versions(tmp_path, before, after)
    many = 2 * (1 + bool(before)) + 1 + bool(before or after)
    take(layout, other, min(steps, many))
    with writer_lock(layout):
        pass
    place = layout.place(ACCOUNT, day(0).name)
    rows = pq.read_metadata(place.calls).num_rows
    expected = {2: before, 1: after}[rows]

    assert [] == list(verify(layout))
    assert 1 + bool(expected) == len(names_in(layout))
    if expected:
        assert len(expected) == pq.read_metadata(place.rejects).num_rows


def test_verify_tells_of_it_until_then(tmp_path: Path) -> None:
    """Between the kill and the next writer, `verify` says what does not belong together."""
    layout, other = versions(tmp_path, OLD, NEW)
    take(layout, other, 3)
    problems = [finding.problem for finding in verify(layout)]

    assert "the rejects under its name are those of another body" in problems


def test_strange_rejects_are_left_alone(tmp_path: Path) -> None:
    """Rejects of another body that no replacement explains stay, for `verify` to tell."""
    layout, other = versions(tmp_path, OLD, NEW)
    place = layout.place(ACCOUNT, day(0).name)
    other.place(ACCOUNT, day(0).name).rejects.rename(place.rejects)
    with writer_lock(layout):
        pass

    assert place.rejects.exists()
    assert 1 == len(list(verify(layout)))
