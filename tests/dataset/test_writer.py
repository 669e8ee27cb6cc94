from __future__ import annotations

import errno
import fnmatch
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from dataset_given import (
    ACCOUNT,
    DAY,
    batch_of,
    call,
    committed,
    day,
    footer_of,
    ledger_of,
    names_in,
    reject,
    rejects_of,
)

from cdr_engine.columns import calls_schema
from cdr_engine.dataset import DataFileWriter, Layout, read_footer, verify, writer
from cdr_engine.errors import CommitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = [call(1), call(2, DAY + timedelta(hours=5))]
REJECTS = [reject(3), reject(4, "ani")]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A dataset that is not there yet."""
    return Layout(tmp_path / "dataset")


def contents(layout: Layout) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {name: (layout.root / name).read_bytes() for name in names_in(layout)}


def writing(layout: Layout) -> DataFileWriter:
    """A writer with more rows and rejects than it holds back."""
    started = DataFileWriter(layout, ACCOUNT, calls_schema(), is_alone=False)
    started.write(batch_of(ROWS))
    started.reject(rejects_of(REJECTS))
    return started


@pytest.fixture
def flushes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row and reject goes to disk when it comes."""
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)


def test_footer_round_trip(layout: Layout) -> None:
    """The record comes back as it was; span of the rows, time and versions are added."""
    request = {"accountIds": ["1"], "cloudProfileGroupIds": [111, None]}
    more = {"request": request, "missing_columns": ("ani",), "unknown_columns": ("x", "é")}
    file = committed(layout, ROWS, day(0), REJECTS, **more)
    found = read_footer(file.path)

    assert file == found
    assert (DAY, DAY + timedelta(hours=5)) == (
        found.footer.first_enqueued,
        found.footer.last_enqueued,
    )
    assert (day(0), request, ledger_of(ROWS, REJECTS)) == (
        found.footer.window,
        found.footer.request,
        found.footer.ledger,
    )
    assert ("ani",) == found.footer.missing_columns
    assert {"cdr-engine", "pyarrow"} == set(found.footer.versions)


def test_rows_and_rejects_round_trip(layout: Layout) -> None:
    """Rows and rejects are on file as they were given, in their order."""
    file = committed(layout, ROWS, day(0), REJECTS)
    place = layout.place(ACCOUNT, day(0).name)

    assert batch_of(ROWS).to_pylist() == pq.read_table(file.path, partitioning=None).to_pylist()
    assert [list(found) for found in ((3, 300), (4, 400))] == [
        [row["record"], row["byte_offset"]]
        for row in pq.read_table(place.rejects, partitioning=None).to_pylist()
    ]


def test_window_without_calls(layout: Layout) -> None:
    """A window without a single call is a data file as well, and has no rejects."""
    file = committed(layout, [], day(0))

    assert 0 == pq.read_metadata(file.path).num_rows
    assert calls_schema().names == pq.read_schema(file.path).names
    assert {str(file.path.relative_to(layout.root))} == names_in(layout)


@pytest.mark.usefixtures("flushes_at_once")
def test_nothing_is_visible_before_the_commit(layout: Layout) -> None:
    """While it is written, no file has a name that a pattern for Parquet files matches."""
    with writing(layout) as started:
        names = names_in(layout)
        assert 2 == len(names)
        assert [] == fnmatch.filter(names, "*.parquet*")
        assert [] == layout.data_files() + layout.reject_files()
        started.commit(footer_of(ROWS, day(0), REJECTS))

    assert 2 == len(fnmatch.filter(names_in(layout), "*.parquet")) == len(names_in(layout))


@pytest.mark.usefixtures("flushes_at_once")
def test_left_without_commit(layout: Layout) -> None:
    """Leaving the context without a commit leaves no file."""
    with writing(layout):
        pass

    assert set() == names_in(layout)


@pytest.mark.usefixtures("flushes_at_once")
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_left_by_an_error(layout: Layout, kind: type[BaseException]) -> None:
    """An error inside the context comes through, and leaves no file."""
    with pytest.raises(kind), writing(layout):
        raise kind

    assert set() == names_in(layout)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777 & ~0o700])
def test_modes(layout: Layout, umask: int) -> None:
    """Files are 0600 and folders 0700, whatever the umask."""
    before = os.umask(umask)
    try:
        committed(layout, ROWS, day(0), REJECTS)
    finally:
        os.umask(before)
    found = {path: path.stat().st_mode & 0o7777 for path in layout.root.rglob("*")}

    assert {0o600} == {mode for path, mode in found.items() if path.is_file()}
    assert {0o700} == {mode for path, mode in found.items() if path.is_dir()}
    assert 0o700 == layout.root.stat().st_mode & 0o7777


@pytest.mark.parametrize(
    ("before", "after"),
    [([], []), (REJECTS, []), ([], REJECTS), (REJECTS, REJECTS[:1])],
    ids=["none", "gone", "new", "other"],
)
def test_window_is_replaced(layout: Layout, before: list[Any], after: list[Any]) -> None:
    """A second commit of a window takes the place of the first, its rejects included."""
    first = committed(layout, ROWS, day(0), before)
    inode = first.path.stat().st_ino
    with first.path.open("rb") as reader:
        second = committed(layout, ROWS[:1], day(0), after)
        assert 2 == pq.read_table(reader).num_rows

    assert (first.path, 1) == (second.path, pq.read_metadata(second.path).num_rows)
    assert inode != second.path.stat().st_ino
    assert 1 + bool(after) == len(names_in(layout))
    assert [] == list(verify(layout))


def test_order_of_the_renames(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejects get their name first, and each name is made durable before the next step."""
    told: list[str] = []
    place = layout.place(ACCOUNT, day(0).name)
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        told.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink()}")
        real_fsync(descriptor)

    def rename(source: Any, target: Any, **options: Any) -> None:
        told.append(f"rename {target}")
        real_rename(source, target, **options)

    with writing(layout) as started:
        started._flush()
        started._flush_rejects()
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "rename", rename)
        started.commit(footer_of(ROWS, day(0), REJECTS))

    assert [True, True] == [step.endswith(".partial") for step in told[:2]]
    assert [
        f"rename {place.rejects}",
        f"sync {place.rejects.parent}",
        f"rename {place.calls}",
        f"sync {place.calls.parent}",
    ] == told[2:]


class Counted:
    """A call of the operating system that fails the nth time."""

    def __init__(self, real: Callable[..., Any], nth: int, error: OSError) -> None:
        self.real, self.nth, self.error = real, nth, error
        self.calls = 0

    def __call__(self, *values: Any, **options: Any) -> Any:
        """Count, and fail if it is this one's turn."""
        self.calls += 1
        if self.calls == self.nth:
            raise self.error
        return self.real(*values, **options)


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize(
    ("rejects", "name", "nth"),
    [
        *(([], "fsync", nth) for nth in (1, 2)),
        *((REJECTS, "fsync", nth) for nth in (1, 2, 3, 4)),
        ([], "rename", 1),
        *((REJECTS, "rename", nth) for nth in (1, 2)),
    ],
)
def test_failed_sync_or_rename(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    nth: int,
    rejects: list[Any],
    is_there: bool,
) -> None:
    """Whichever sync or rename fails, the commit does, and every file is as it was, to the byte."""
    committed(layout, [call(7)], day(5), [reject(1)])
    if is_there:
        committed(layout, [call(8)], day(0), [reject(2)])
    before = contents(layout)
    failing = Counted(getattr(os, name), nth, OSError(errno.EIO, "Input/output error"))
    monkeypatch.setattr(os, name, failing)
    with pytest.raises(CommitError, match="Input/output error; nothing was committed"):
        committed(layout, ROWS, day(0), rejects)
    monkeypatch.undo()

    assert before == contents(layout)
    assert [] == list(verify(layout))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB; without the rights to mount one, a limit of the size of files instead."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    tool = shutil.which("mount")
    if (
        tool is None
        or subprocess.run([tool, *options], capture_output=True, check=False).returncode
    ):
        yield place
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


FILL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dataset_given import call, committed, day, names_in
from cdr_engine.dataset import Layout
from cdr_engine.errors import CommitError
import os, random
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if not os.path.ismount(sys.argv[1]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, 1 << 17))
layout = Layout(Path(sys.argv[1]) / "dataset")
committed(layout, [call(1)], day(5))
before = names_in(layout)
rng = random.Random(5)
rows = [call(n, recording_url=rng.randbytes(40).hex()) for n in range(20_000)]
try:
    committed(layout, rows, day(0))
except CommitError as error:
    print(error)
    assert before == names_in(layout), names_in(layout)
    committed(layout, [call(2)], day(1))
    print(len(names_in(layout)))
"""


def test_disk_is_full(tiny_disk: Path) -> None:
    """A full disk is an error of one line, nothing is left of the file, and a smaller one fits."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", FILL, str(tiny_disk), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    message, count = run.stdout.splitlines()

    assert ("", 0, "2") == (run.stderr, run.returncode, count)
    assert message.startswith(f"cannot write to {tiny_disk}/dataset/calls/account_id={ACCOUNT}: ")
    assert message.endswith("; nothing was committed")


def test_parquet_cannot_begin(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file can be made but not opened again, it does not stay behind."""
    broken = Counted(writer.pq.ParquetWriter, 1, OSError(errno.EMFILE, "Too many open files"))
    monkeypatch.setattr(writer.pq, "ParquetWriter", broken)
    with pytest.raises(CommitError, match="Too many open files"):
        committed(layout, ROWS, day(0))

    assert set() == names_in(layout)


def test_file_in_the_folder_s_place(tmp_path: Path) -> None:
    """A file where a folder has to be is an error of one line."""
    (tmp_path / "calls").write_text("mine")
    with pytest.raises(CommitError, match="cannot write to"):
        committed(Layout(tmp_path), ROWS, day(0))

    assert "mine" == (tmp_path / "calls").read_text()


@pytest.mark.parametrize("kind", ["calls", "rejects"])
def test_symlink_at_the_temporary_place(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Even if somebody guesses the temporary name, a link there is not followed."""
    monkeypatch.setattr(writer.secrets, "token_hex", lambda _: "guessed")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    planted = layout.root / kind / f"account_id={ACCOUNT}" / f".{os.getpid()}-guessed.partial"
    planted.parent.mkdir(parents=True)
    planted.symlink_to(victim)
    with pytest.raises(CommitError):
        committed(layout, ROWS, day(0), REJECTS)

    assert "mine" == victim.read_text()
    assert [] == layout.data_files() + layout.reject_files()


def test_symlink_at_the_final_place(layout: Layout, tmp_path: Path) -> None:
    """A link in the place of a data file is replaced; what it points to is left alone."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    place = layout.place(ACCOUNT, day(0).name).calls
    place.parent.mkdir(parents=True)
    place.symlink_to(victim)
    file = committed(layout, ROWS, day(0))

    assert ("mine", False) == (victim.read_text(), file.path.is_symlink())


def test_record_that_does_not_fit_the_rows(layout: Layout) -> None:
    """Reading back finds a record that says something else than the rows, before it is visible."""
    with pytest.raises(CommitError, match="read back another file"):
        committed(layout, ROWS, day(0), ledger=ledger_of(ROWS[:1]))

    assert set() == names_in(layout)


@pytest.mark.usefixtures("flushes_at_once")
def test_bytes_are_lost_on_the_way(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a lying disk cut short is found before it gets its name."""
    real = os.fsync

    def losing(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.suffix == ".partial":
            os.truncate(path, path.stat().st_size - 20)
        real(descriptor)

    with writing(layout) as started:
        monkeypatch.setattr(os, "fsync", losing)
        with pytest.raises(CommitError, match="nothing was committed"):
            started.commit(footer_of(ROWS, day(0), REJECTS))

    assert set() == names_in(layout)
