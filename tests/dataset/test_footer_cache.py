"""The cache of footers: never stale, never needed, and away from what readers see."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from dataset_given import ACCOUNT, call, committed, day

from cdr_engine.dataset import Layout, coverage, fold
from cdr_engine.windows import SETTLING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdr_engine.dataset import Coverage

CACHE = ".footers"
GLOBALS = coverage.__globals__
"""Of its module, whose name is the function's."""


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Four days, which are many here."""
    monkeypatch.setitem(GLOBALS, "MANY", 2)
    monkeypatch.setattr("cdr_engine.dataset.compaction.GRACE_S", 0.0)
    layout = Layout(tmp_path)
    for n in range(4):
        committed(layout, [call(n)], day(n))
    return layout


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of files whose footers are read from now on."""
    names: list[str] = []
    original = GLOBALS["read_footer"]

    def read(path: Path) -> object:
        names.append(path.name)
        return original(path)

    monkeypatch.setitem(GLOBALS, "read_footer", read)
    return names


def uncached(layout: Layout) -> Coverage:
    """What the files themselves say."""
    (layout.root / CACHE).unlink(missing_ok=True)
    return coverage(layout)


def test_read_once(layout: Layout, opened: list[str]) -> None:
    """A second look opens no file and tells the same; deleting the cache changes nothing."""
    first = coverage(layout)
    assert 4 == len(opened)
    assert first == coverage(layout)
    assert 4 == len(opened)
    assert first == uncached(layout)
    assert 0o600 == stat.S_IMODE((layout.root / CACHE).stat().st_mode)


def test_never_stale(layout: Layout, opened: list[str]) -> None:
    """Each way in which coverage changes is seen at once, and only what changed is read."""
    changes = [
        lambda: committed(layout, [call(9)], day(4)),
        lambda: committed(layout, [call(1), call(8)], day(1)),
        lambda: committed(layout, [call(3)], None, sha256="cd" * 32),
        layout.place(ACCOUNT, day(2).name).calls.unlink,
        lambda: committed(layout, [call(3)], day(0), account_id="7"),
        lambda: list(fold(layout, day(400).start, SETTLING)),
    ]
    coverage(layout)
    for change in changes:
        change()
        opened.clear()
        cached = coverage(layout)
        assert len(opened) <= 2
        kept = (layout.root / CACHE).read_bytes()
        assert uncached(layout) == cached
        (layout.root / CACHE).write_bytes(kept)


def test_same_size_and_time(layout: Layout) -> None:
    """A file of the same size whose time was set back is another inode, and is read."""
    place = layout.place(ACCOUNT, day(1).name).calls
    before = place.stat()
    coverage(layout)
    committed(layout, [call(5)], day(1), sha256="ef" * 32)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "ef" * 32 in {file.footer.sha256 for file in coverage(layout).files}


@pytest.mark.parametrize("content", [b"", b"\x92\x01", b"\x92\x02\x80", b"garbage", b"\xc1" * 99])
def test_broken_cache(layout: Layout, content: bytes) -> None:
    """A cache that is cut, old or something else is no cache."""
    expected = coverage(layout)
    (layout.root / CACHE).write_bytes(content)
    assert expected == coverage(layout)


def test_folder_that_cannot_be_written_to(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no cache can be kept the answer comes all the same."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    assert 4 == len(coverage(layout).files)
    assert not (layout.root / CACHE).exists()


def test_few_files_need_none(tmp_path: Path) -> None:
    """A small dataset has no cache."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], day(1))
    coverage(layout)
    assert not (layout.root / CACHE).exists()
