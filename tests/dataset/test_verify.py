from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from dataset_given import ACCOUNT, DAY, call, committed, day, footer_of, reject

from cdr_engine.dataset import DataFile, Layout, verify
from cdr_engine.dataset.footer import FOOTER_KEY
from cdr_engine.dataset.seal import BLANK, SEAL_KEY, seal

if TYPE_CHECKING:
    from pathlib import Path

FLIPS = int(os.environ.get("CDR_TEST_FLIPS", "400"))
"""Of single bits, a file; every bit of a file was flipped once in such a run, and found."""
DAMAGED = "its bytes are not those that were committed"
REJECTS = [reject(1), reject(2, "ani")]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A dataset of two windows with rejects each."""
    layout = Layout(tmp_path)
    rows = [
        call(n, DAY + timedelta(minutes=n), profile_name="DTE", queue_time=n % 9, is_cellular=True)
        for n in range(300)
    ]
    committed(layout, rows, day(0), REJECTS)
    committed(layout, rows[:5], day(1), [reject(5), reject(6, "ani")])
    return layout


def problems(layout: Layout) -> list[tuple[Path, str]]:
    """What verify finds."""
    return [tuple(finding) for finding in verify(layout)]


def test_whole(layout: Layout) -> None:
    """Nothing is found where nothing is wrong; an empty window is fine, and no dataset too."""
    committed(layout, [], day(7))

    assert [] == problems(layout)
    assert [] == problems(Layout(layout.root / "nowhere"))


@pytest.mark.parametrize("kind", ["calls", "rejects"])
@pytest.mark.parametrize("seed", [1])
def test_one_bit_flipped(layout: Layout, kind: str, seed: int) -> None:
    """Whichever bit of a file is another one than was committed, it is found, once."""
    rng = random.Random(seed)
    path = getattr(layout.place(ACCOUNT, day(0).name), kind)
    good = path.read_bytes()
    every_end = [*range(8), *range(len(good) - 16, len(good))]
    places = every_end + [rng.randrange(len(good)) for _ in range(FLIPS)]
    for at in places:
        damaged = bytearray(good)
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        assert [(path, DAMAGED)] == problems(layout), f"seed {seed}, byte {at} of {len(good)}"


@pytest.mark.parametrize("kind", ["calls", "rejects"])
def test_cut_short(layout: Layout, kind: str) -> None:
    """A file that ends early is found wherever it was cut."""
    path = getattr(layout.place(ACCOUNT, day(0).name), kind)
    good = path.read_bytes()
    for length in [0, 1, 4, 7, 8, 12, *range(13, len(good), 397), len(good) - 1]:
        path.write_bytes(good[:length])
        assert [(path, DAMAGED)] == problems(layout), length


def test_longer_than_it_was(layout: Layout) -> None:
    """Bytes added behind the end, or in front of it, are found."""
    path = layout.place(ACCOUNT, day(0).name).calls
    good = path.read_bytes()
    for content in (good + b"\0", b"\0" + good, good + good):
        path.write_bytes(content)
        assert [(path, DAMAGED)] == problems(layout)


def test_swapped_files(layout: Layout) -> None:
    """Two data files under each other's name are both found."""
    one, other = layout.data_files()
    swap(one, other)

    assert {one, other} == {path for path, _ in problems(layout)}
    assert all("its footer belongs to calls/" in problem for _, problem in problems(layout))


def test_swapped_rejects(layout: Layout) -> None:
    """Rejects under each other's name are found, although their numbers agree."""
    one, other = layout.reject_files()
    swap(one, other)

    told = "the rejects under its name are those of another body"
    assert [(path, told) for path in layout.data_files()] == problems(layout)


def swap(one: Path, other: Path) -> None:
    """Exchange the names of two files."""
    aside = one.with_suffix(".aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


@pytest.mark.parametrize(
    "name",
    ["calls/account_id=2/{window}", "calls/account_id={account}/elsewhere.parquet"],
)
def test_wrong_name(layout: Layout, name: str) -> None:
    """A data file in another account's folder, or under another window, is found."""
    good = committed(layout, [], day(3)).path
    path = layout.root / name.format(window=good.name, account=ACCOUNT)
    path.parent.mkdir(exist_ok=True)
    good.rename(path)

    told = f"its footer belongs to {good.relative_to(layout.root)}"
    assert [(path, told)] == problems(layout)


def test_missing_rejects(layout: Layout) -> None:
    """Rejects that the ledger counts have to be there."""
    place = layout.place(ACCOUNT, day(0).name)
    place.rejects.unlink()

    assert [(place.calls, "0 rejects on file where its ledger says 2")] == problems(layout)


def test_rejects_of_a_clean_window(layout: Layout) -> None:
    """A file of rejects beside a data file that has none is found."""
    clean = committed(layout, [call(1)], day(3))
    there = layout.place(ACCOUNT, day(0).name).rejects
    extra = layout.place(ACCOUNT, day(3).name).rejects
    extra.write_bytes(there.read_bytes())

    told = "the rejects under its name are those of another body"
    assert [(clean.path, told)] == problems(layout)


def test_rejects_without_data(layout: Layout) -> None:
    """Rejects without their data file are named as left over."""
    place = layout.place(ACCOUNT, day(0).name)
    place.calls.unlink()

    told = "left over by an interrupted writer; the next export removes it"
    assert [(place.rejects, told)] == problems(layout)


def test_temporary_name(layout: Layout) -> None:
    """What an interrupted writer left is named, whatever is in it."""
    path = layout.data_files()[0].with_name(".7-ab.partial")
    path.write_bytes(b"")

    told = "left over by an interrupted writer; the next export removes it"
    assert [(path, told)] == problems(layout)


def rewritten(file: DataFile, **changes: Any) -> Path:
    """The same rows with another ledger in the record, checksums and seal all in order."""
    record = footer_of([], day(3), ledger=file.footer.ledger)
    for name, value in changes.items():
        setattr(record.ledger, name, value)
    table = pq.read_table(file.path, partitioning=None)
    with pq.ParquetWriter(file.path, table.schema, write_page_checksum=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({FOOTER_KEY: record.encode(), SEAL_KEY: BLANK})
    seal(file.path)
    return file.path


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"rows": 3, "records": 3}, "2 rows where its ledger says 3"),
        ({"rows": 3}, "ledger: 2 records came, 3 are counted"),
        ({"bytes": 1}, "ledger: 1 bytes came, 108 are accounted for"),
        ({"blank_bytes": 1}, "ledger: 108 bytes came, 109 are accounted for"),
        ({"rejected_cells": 1}, "0 rejects on file where its ledger says 1"),
        ({"duplicates": 1, "records": 3}, None),
    ],
)
def test_edited_ledger(layout: Layout, changes: dict[str, int], told: str | None) -> None:
    """Behind a valid seal too, a ledger is found that does not balance or does not fit the rows."""
    path = rewritten(committed(layout, [call(1), call(2)], day(3)), **changes)

    assert ([(path, told)] if told else []) == problems(layout)


def test_file_of_another_program(layout: Layout) -> None:
    """A Parquet file without a seal is found."""
    path = layout.data_files()[0]
    pq.write_table(pq.read_table(path, partitioning=None), path)

    assert [(path, DAMAGED)] == problems(layout)


def test_account_no_folder_can_have(layout: Layout) -> None:
    """A sealed record with an account that cannot be a folder's name is a finding, not a crash."""
    file = committed(layout, [], day(3))
    record = footer_of([], day(3), account_id="../..")
    with pq.ParquetWriter(file.path, pq.read_schema(file.path)) as writer:
        writer.add_key_value_metadata({FOOTER_KEY: record.encode(), SEAL_KEY: BLANK})
    seal(file.path)

    told = "an account id is digits or letters, at most 63 of them"
    assert [(file.path, told)] == problems(layout)


def test_seal_needs_its_place(tmp_path: Path) -> None:
    """A file that was written without a place for the seal cannot be sealed."""
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 20)
    with pytest.raises(OSError, match="no place"):
        seal(path)
