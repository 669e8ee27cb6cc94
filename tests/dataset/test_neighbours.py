from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dataset_given import DAY, Row, batch_of, call, committed, day, footer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.dataset import DataFile, Layout, Neighbours, neighbours, writer

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR, LATER = timedelta(hours=1), DAY + timedelta(hours=30)


def left(files: Sequence[DataFile], rows: Sequence[Row]) -> list[tuple[Any, Any, Any]]:
    """Keys of the rows that the files do not hold."""
    kept = Neighbours(files).without_known(batch_of(rows))
    return [key(row) for row in kept.to_pylist()]


def key(row: Row) -> tuple[Any, Any, Any]:
    """What makes two records the same call."""
    return row["uii"], row["cloud_profile_id"], row["enqueue_time"]


def test_same_call(tmp_path: Path) -> None:
    """A call that another file holds is left out; the others stay, in their order."""
    file = committed(Layout(tmp_path), [call(1), call(2)], day(0))

    assert [key(call(3)), key(call(4))] == left([file], [call(3), call(2), call(4), call(1)])


@pytest.mark.parametrize(
    "other",
    [call(1, profile=2222), call(1, DAY + timedelta(minutes=1)), call(2), call(1, None)],
    ids=["profile", "time", "uii", "no time"],
)
def test_nearly_the_same_call(tmp_path: Path, other: Row) -> None:
    """The same uii under another profile or time is another call."""
    file = committed(Layout(tmp_path), [call(1), call(7, DAY + HOUR)], day(0))

    assert [key(other)] == left([file], [other])


def test_call_twice_in_one_body(tmp_path: Path) -> None:
    """Only other files count: a body that repeats itself keeps both."""
    file = committed(Layout(tmp_path), [call(1)], day(0))

    assert [key(call(2)), key(call(2))] == left([file], [call(2), call(2)])


@pytest.mark.parametrize("profile", [1111, None])
def test_call_without_time(tmp_path: Path, profile: int | None) -> None:
    """A call whose time could not be read is known again, alone or among others."""
    rows = [call(1, None, profile), call(2)]  # type: ignore[arg-type]
    file = committed(Layout(tmp_path), rows, day(0))

    assert [] == left([file], rows[:1])
    assert [key(call(9, LATER))] == left([file], [rows[0], call(9, LATER)])


def test_rows_of_no_file() -> None:
    """Without other files, and for an empty batch, the batch comes back as it is."""
    batch, empty = batch_of([call(1)]), batch_of([])

    assert batch is Neighbours([]).without_known(batch)
    assert 0 == Neighbours([]).without_known(empty).num_rows


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are looked into."""
    told: list[str] = []
    real = neighbours.pq.ParquetFile

    def opening(path: Path, **options: Any) -> Any:
        told.append(path.stem)
        return real(path, **options)

    monkeypatch.setattr(neighbours.pq, "ParquetFile", opening)
    return told


def test_only_overlapping_spans_are_opened(tmp_path: Path, opened: list[str]) -> None:
    """Of many files only those are opened whose times meet those of the batch."""
    layout = Layout(tmp_path)
    files = [
        committed(layout, [call(n, DAY + timedelta(days=n, hours=h)) for h in (0, 9)], day(n))
        for n in range(6)
    ]
    left(files, [call(9, DAY + timedelta(days=2, hours=9)), call(9, DAY + timedelta(days=3))])

    assert [day(2).name, day(3).name] == opened
    opened.clear()
    left(files, [call(9, DAY + timedelta(days=2, hours=10))])
    assert [] == opened


def test_only_overlapping_row_groups_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a file only those row groups are read whose times meet those of the batch."""
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)
    layout = Layout(tmp_path)
    read: list[int] = []
    real = Neighbours._group
    monkeypatch.setattr(
        Neighbours,
        "_group",
        lambda self, file, path, group: (read.append(group), real(self, file, path, group))[1],
    )
    with writer.DataFileWriter(layout, "1", batch_of([]).schema) as started:
        rows = [call(n, DAY + n * HOUR) for n in range(8)]
        for row in rows:
            started.write(batch_of([row]))
        file = started.commit(footer_of(rows, day(0), account_id="1"))

    assert [key(call(9, DAY + 4 * HOUR))] == left([file], [*rows[3:6], call(9, DAY + 4 * HOUR)])
    assert [3, 4, 5] == read


CALLS = st.builds(
    call,
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(0, 40).map(lambda hours: DAY + hours * HOUR)),
    st.sampled_from([1111, 2222, None]),
)
FILES = st.lists(st.lists(CALLS, max_size=6), max_size=4)


@given(FILES, st.lists(st.lists(CALLS, max_size=8), min_size=1, max_size=3), st.integers(1, 3))
@settings(max_examples=120, deadline=None)
def test_against_a_plain_set(
    files: list[list[Row]], batches: list[list[Row]], group_rows: int
) -> None:
    """Whatever the files hold, what is left of every batch is what a set of keys leaves."""
    known: set[tuple[Any, Any, datetime | None]] = {key(row) for rows in files for row in rows}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "ROW_GROUP_ROWS", group_rows)
        layout = Layout(Path(folder))
        held = Neighbours(
            [committed(layout, rows, day(number)) for number, rows in enumerate(files)]
        )
        for rows in batches:
            kept = held.without_known(batch_of(rows)).to_pylist()
            assert [key(row) for row in rows if key(row) not in known] == [key(row) for row in kept]
