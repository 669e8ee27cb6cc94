from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dataset_given import ACCOUNT, call, committed, day, names_in, reject

from cdr_engine.dataset import Layout, coverage, repair, verify, writer_lock
from cdr_engine.errors import DatasetLocked

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Three windows of one account, the first with rejects, and an archived file."""
    layout = Layout(tmp_path)
    rows = [call(n) for n in range(9)]
    committed(layout, rows, day(0), [reject(1)])
    committed(layout, rows, day(1))
    committed(layout, rows, day(2))
    committed(layout, rows, None)
    return layout


def damage(path: Path) -> bytes:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    return bytes(content)


def test_nothing_to_repair(layout: Layout) -> None:
    """A sound dataset stays as it is, byte for byte."""
    before = {name: (layout.root / name).read_bytes() for name in names_in(layout)}

    assert ((), (), (), (), ()) == tuple(repair(layout))
    assert before == {name: (layout.root / name).read_bytes() for name in names_in(layout)}


@pytest.mark.parametrize("kind", ["calls", "rejects"])
def test_damaged_window(layout: Layout, kind: str) -> None:
    """Whether its calls or its rejects are damaged, a window leaves with both, and is missing."""
    path = getattr(layout.place(ACCOUNT, day(0).name), kind)
    content = damage(path)

    done = repair(layout)

    assert ((ACCOUNT, day(0)),) == done.to_fetch
    assert () == done.to_ingest
    assert 2 == len(done.set_aside)
    assert content in [aside.read_bytes() for aside in done.set_aside]
    assert [day(1), day(2)] == coverage(layout).of(ACCOUNT).windows
    assert [] == list(verify(layout))
    assert not any(name.endswith(".parquet") for name in names_in(layout) if "damaged" in name)


def test_damaged_archive(layout: Layout) -> None:
    """An archived file that is damaged is named by its digest, to be ingested again."""
    damage(layout.place(ACCOUNT, "ab" * 32).calls)

    assert ("ab" * 32,) == repair(layout).to_ingest


def test_unreadable_footer(layout: Layout) -> None:
    """A file that is no Parquet at all any more still says by its name what is missing."""
    layout.place(ACCOUNT, day(1).name).calls.write_bytes(b"nothing")

    assert ((ACCOUNT, day(1)),) == repair(layout).to_fetch


def test_leftovers(layout: Layout) -> None:
    """What an interrupted writer left is removed and named."""
    left = layout.calls / f"account_id={ACCOUNT}" / ".1-ab.partial"
    left.write_bytes(b"half")

    assert (left,) == repair(layout).removed
    assert not left.exists()


def test_damaged_twice(layout: Layout) -> None:
    """A window that is damaged again after it was fetched again loses neither file."""
    for _ in range(2):
        damage(layout.place(ACCOUNT, day(1).name).calls)
        repair(layout)
        committed(layout, [call(1)], day(1))

    kept = [name for name in names_in(layout) if name.startswith("damaged/")]

    assert 2 == len(kept)


def test_while_another_writes(layout: Layout) -> None:
    """Nothing moves while another process writes."""
    damage(layout.place(ACCOUNT, day(1).name).calls)

    with writer_lock(layout), pytest.raises(DatasetLocked):
        repair(layout)

    assert layout.place(ACCOUNT, day(1).name).calls.exists()
