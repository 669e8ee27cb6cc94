from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from dataset_given import call, committed, day, names_in, reject

from cdr_engine.dataset import Layout, writer_lock
from cdr_engine.errors import CommitError, DatasetLocked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from cdr_engine.dataset import Layout, writer_lock
with writer_lock(Layout(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""

TRY = """
import sys
from pathlib import Path
from cdr_engine.dataset import Layout, writer_lock
from cdr_engine.errors import CdrError
try:
    with writer_lock(Layout(Path(sys.argv[1]))):
        pass
except CdrError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@contextmanager
def held_elsewhere(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the dataset until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "held\n" == process.stdout.readline()
        yield process


def attempt(root: Path) -> tuple[int, str]:
    """Exit code and message of another process that wants to write."""
    run = subprocess.run(
        [sys.executable, "-c", TRY, str(root)], capture_output=True, text=True, check=False
    )
    assert "" == run.stderr
    return run.returncode, run.stdout.strip()


def test_second_writer(tmp_path: Path) -> None:
    """While one process holds the dataset, another is told so at once, with exit code 7."""
    told = f"another process is writing to {tmp_path}: wait for it, or choose another --dataset"
    with writer_lock(Layout(tmp_path)):
        assert (7, told) == attempt(tmp_path)

    assert (0, "") == attempt(tmp_path)


def test_held_by_another_process(tmp_path: Path) -> None:
    """A lock that another process holds is seen here, and free when that one has gone."""
    with held_elsewhere(tmp_path), pytest.raises(DatasetLocked), writer_lock(Layout(tmp_path)):
        pass
    with writer_lock(Layout(tmp_path)):
        pass


def test_holder_is_killed(tmp_path: Path) -> None:
    """A process that dies with the lock in its hands does not keep it."""
    with held_elsewhere(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert (0, "") == attempt(tmp_path)


def test_two_in_one_process(tmp_path: Path) -> None:
    """Two threads of one process are two writers as well."""
    with (
        writer_lock(Layout(tmp_path)),
        pytest.raises(DatasetLocked),
        writer_lock(Layout(tmp_path)),
    ):
        pass


def test_released_after_an_error(tmp_path: Path) -> None:
    """An error inside comes through and frees the dataset."""
    with pytest.raises(RuntimeError), writer_lock(Layout(tmp_path)):
        raise RuntimeError

    assert (0, "") == attempt(tmp_path)


def test_leftovers_are_removed(tmp_path: Path) -> None:
    """Taking the lock removes temporary files and orphan rejects, and nothing else."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], day(0), [reject(1)])
    mine = names_in(layout)
    orphan = layout.place("1", day(3).name).rejects
    for path in (
        tmp_path / "calls" / "account_id=1" / ".7-ab.partial",
        tmp_path / "rejects" / "account_id=1" / ".7-ab.partial",
        orphan,
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1")
    (tmp_path / "notes.partial").write_text("not below an account")
    with writer_lock(layout):
        assert mine | {"notes.partial"} == names_in(layout)


def test_locked_out_leaves_leftovers(tmp_path: Path) -> None:
    """What looks left over while another writes may be that one's work: it stays."""
    working = tmp_path / "calls" / "account_id=1" / ".7-ab.partial"
    with held_elsewhere(tmp_path):
        working.parent.mkdir(parents=True)
        working.write_bytes(b"PAR1")
        assert 7 == attempt(tmp_path)[0]

    assert working.exists()


def test_leftover_that_cannot_be_removed(tmp_path: Path) -> None:
    """A folder under a temporary name is an error of one line, and the lock is free again."""
    working = tmp_path / "calls" / "account_id=1" / ".7-ab.partial"
    working.mkdir(parents=True)
    with pytest.raises(CommitError, match="cannot tidy up"), writer_lock(Layout(tmp_path)):
        pass
    working.rmdir()

    assert (0, "") == attempt(tmp_path)


def test_modes(tmp_path: Path) -> None:
    """The folder and the lock's file are for the owner only."""
    layout = Layout(tmp_path / "a" / "dataset")
    with writer_lock(layout):
        assert 0o600 == layout.lock.stat().st_mode & 0o777
        assert 0o700 == layout.root.stat().st_mode & 0o777


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the dataset's place is an error of one line."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CommitError, match="cannot write to"),
        writer_lock(Layout(tmp_path / "file")),
    ):
        pass
