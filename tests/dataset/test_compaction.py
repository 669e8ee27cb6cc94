"""Folding: the same calls in fewer files, at any moment, wherever it is cut short."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import duckdb
import pyarrow.parquet as pq
import pytest
from dataset_given import ACCOUNT, DAY, call, committed, day, names_in, reject
from forked import FORK_QUIETLY
from traced import Trace, why_not

from cdr_engine import open_dataset
from cdr_engine.dataset import Layout, coverage, fold, folds, read_footer, verify, writer_lock
from cdr_engine.dataset.layout import FOLDING
from cdr_engine.errors import CdrError, CommitError, DamagedDataset, ViewError
from cdr_engine.windows import SETTLING

if TYPE_CHECKING:
    from pathlib import Path

    from cdr_engine.dataset import DataFile

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reader is listing."""
    monkeypatch.setattr("cdr_engine.dataset.compaction.GRACE_S", 0.0)


def days(layout: Layout, first: int, last: int, account_id: str = ACCOUNT) -> list[DataFile]:
    """A data file a day, two calls each, the fifth without any."""
    return [
        committed(
            layout,
            [call(10 * n + k, DAY + timedelta(days=n, hours=k)) for k in (1, 2) if n != 5],
            day(n),
            account_id=account_id,
        )
        for n in range(first, last)
    ]


def calls(layout: Layout) -> list[tuple[str, str]]:
    """Every call that a glob finds, with its account."""
    pattern = str(layout.calls / "**" / "*.parquet")
    query = f"select account_id, uii from read_parquet('{pattern}', hive_partitioning = true)"
    with duckdb.connect() as connection:
        return sorted((str(one), other) for one, other in connection.execute(query).fetchall())


def test_a_month_becomes_one_file(tmp_path: Path) -> None:
    """Daily windows of a month are one window; other months, the calls and the ledgers stay."""
    layout = Layout(tmp_path)
    before = days(layout, 0, 33)
    there, ledger = calls(layout), coverage(layout).ledger

    (done, *more) = fold(layout, NOW, SETTLING)

    assert there == calls(layout)
    assert ledger == coverage(layout).ledger
    assert ([30, 3], [day(0, 30), day(30, 3)]) == (
        [len(each.files) for each in (done, *more)],
        coverage(layout).of(ACCOUNT).windows,
    )
    assert [] == list(verify(layout))
    assert {f"calls/account_id={ACCOUNT}/{day(0, 30).name}.parquet"} | {
        f"calls/account_id={ACCOUNT}/{day(30, 3).name}.parquet"
    } == names_in(layout)
    footer = read_footer(layout.place(ACCOUNT, day(0, 30).name).calls).footer
    assert tuple(file.footer for file in before[:30]) == footer.parts


def test_again_there_is_nothing_to_do(tmp_path: Path) -> None:
    """What is folded stays; a day that came later joins its month, and the parts stay days."""
    layout = Layout(tmp_path)
    days(layout, 0, 29)
    assert [29] == [len(each.files) for each in fold(layout, NOW, SETTLING)]
    assert [] == list(fold(layout, NOW, SETTLING))

    days(layout, 29, 30)
    assert [2] == [len(each.files) for each in fold(layout, NOW, SETTLING)]
    footer = read_footer(layout.place(ACCOUNT, day(0, 30).name).calls).footer
    assert [day(n) for n in range(30)] == [part.window for part in footer.parts]
    assert [] == list(verify(layout))


@pytest.mark.parametrize(
    "more",
    [
        {"time_zone": "US/Arizona"},
        {"request": {"group_by": "DESTINATION"}},
        {"request": {"selection": {"members": [1]}}},
        {"unknown_columns": ("attempt_3_disp",)},
        {"delimiter": "|"},
    ],
)
def test_unlike_windows_stay_apart(tmp_path: Path, more: dict[str, object]) -> None:
    """Windows of another zone, another question or other columns are not folded together."""
    layout = Layout(tmp_path)
    days(layout, 0, 2)
    committed(layout, [call(90)], day(2), **more)
    days(layout, 3, 5)
    assert [2, 2] == [
        len(each.files) for each in folds(coverage(layout).of(ACCOUNT), NOW, SETTLING)
    ]


def test_gaps_rejects_and_archives_stay(tmp_path: Path) -> None:
    """A gap is not covered over; windows with rejects and ingested files are left alone."""
    layout = Layout(tmp_path)
    days(layout, 0, 3)
    days(layout, 4, 6)
    committed(layout, [call(70)], day(6), [reject(1)])
    days(layout, 7, 9)
    committed(layout, [call(99)], None, sha256="cd" * 32)
    gaps, there = coverage(layout).of(ACCOUNT).gaps, calls(layout)

    assert [3, 2, 2] == [len(each.files) for each in fold(layout, NOW, SETTLING)]
    assert (gaps, there) == (coverage(layout).of(ACCOUNT).gaps, calls(layout))
    assert [] == list(verify(layout))


def test_months_that_are_not_over(tmp_path: Path) -> None:
    """A month is folded a quarter of an hour after its end, by the clock of its zone."""
    layout = Layout(tmp_path)
    days(layout, 0, 3)
    held = coverage(layout).of(ACCOUNT)
    end = datetime(2024, 12, 1, tzinfo=UTC)
    assert [] == folds(held, end + timedelta(minutes=14), SETTLING)
    assert 1 == len(folds(held, end + timedelta(minutes=15), SETTLING))


def test_a_window_that_had_not_settled_stays(tmp_path: Path) -> None:
    """A window that is to be fetched again is not hidden in a larger one."""
    layout = Layout(tmp_path)
    days(layout, 0, 2)
    late = datetime.now(UTC) + timedelta(days=1)
    held = coverage(layout).of(ACCOUNT)
    files = tuple(
        file._replace(footer=type(file.footer)(**{
            name: getattr(file.footer, name) for name in file.footer.__struct_fields__
        } | {"committed_at": DAY + timedelta(days=1)}))
        for file in held.files
    )  # fmt: skip
    assert [] == folds(replace(held, files=files), late, SETTLING)


def test_large_windows_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is folded can be fetched again as one report."""
    monkeypatch.setattr("cdr_engine.dataset.compaction.MOST_BYTES", 250)
    layout = Layout(tmp_path)
    days(layout, 0, 4)
    assert [2, 2] == [len(each.files) for each in fold(layout, NOW, SETTLING)]


def test_refreshing_replaces_the_folded_window(tmp_path: Path) -> None:
    """A folded window that is fetched again by its own bounds takes its place."""
    layout = Layout(tmp_path)
    days(layout, 0, 3)
    list(fold(layout, NOW, SETTLING))
    committed(layout, [call(1)], day(0, 3))
    assert [day(0, 3)] == coverage(layout).of(ACCOUNT).windows
    assert 1 == len(calls(layout))
    assert [] == list(verify(layout))


def test_other_accounts_are_not_touched(tmp_path: Path) -> None:
    """Only the accounts that are named are folded."""
    layout = Layout(tmp_path)
    for account_id in ("1", "2"):
        days(layout, 0, 3, account_id)
    assert ["2"] == [each.account_id for each in fold(layout, NOW, SETTLING, ["2"])]
    assert [3, 1] == [len(each.files) for each in coverage(layout).accounts]


def test_damage_is_not_folded_in(tmp_path: Path) -> None:
    """A flipped bit is found before the calls are sealed anew, and all stays as it was."""
    layout = Layout(tmp_path)
    path = days(layout, 0, 3)[1].path
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    names = names_in(layout)
    with pytest.raises(DamagedDataset, match="cdr verify"):
        list(fold(layout, NOW, SETTLING))
    assert names == names_in(layout)


def test_no_exchange_no_folding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system cannot exchange two folders, the dataset stays as it was."""
    layout = Layout(tmp_path)
    days(layout, 0, 3)
    names = names_in(layout)
    monkeypatch.setattr("cdr_engine.dataset.compaction.EXCHANGE", 1 << 20)
    with pytest.raises(CommitError, match="cannot exchange"):
        list(fold(layout, NOW, SETTLING))
    assert names == names_in(layout)


FOLD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from cdr_engine.dataset import Layout, compaction, fold
from cdr_engine.windows import SETTLING
compaction.GRACE_S = float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
list(fold(Layout(Path(sys.argv[1])), datetime(2026, 1, 1, tzinfo=UTC), SETTLING))
"""


def started(layout: Layout, grace_s: float) -> subprocess.Popen[str]:
    """A process that folds when it is told to."""
    command = [sys.executable, *FORK_QUIETLY, "-c", FOLD, str(layout.root), str(grace_s)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Tell it."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


class Reader:
    """Counts all calls again and again, by a question and by Arrow; may be refused, not misled."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._expected = calls(layout)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.seen: list[object] = []
        self.looks = self.refused = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._is_over.is_set():
            try:
                found = self._by_question() if self.looks % 2 else self._by_arrow()
            except (CdrError, FileNotFoundError):
                self.refused += 1
                continue
            if found != self._expected:
                self.seen.append(found)
            self.looks += 1

    def _by_question(self) -> list[tuple[str, str]]:
        with open_dataset(self._layout.root) as dataset:
            rows = dataset.sql("select account_id, uii from calls").read_all().to_pylist()
        return sorted((row["account_id"], row["uii"]) for row in rows)

    def _by_arrow(self) -> list[tuple[str, str]]:
        found = []
        for folder in self._layout.calls.iterdir():
            for path in folder.iterdir():
                with pq.ParquetFile(path) as file:
                    uiis = file.read(["uii"])["uii"].to_pylist()
                found += [(folder.name.partition("=")[2], uii) for uii in uiis]
        return sorted(found)


def settle(layout: Layout) -> None:
    """The next writer comes, and after it a whole folding beside readers."""
    fold.__globals__["GRACE_S"] = 0.2
    with writer_lock(layout):
        pass
    assert not (layout.root / FOLDING).exists()
    assert [] == list(verify(layout))
    list(fold(layout, NOW, SETTLING))
    assert [day(0, 30), day(30, 4)] == coverage(layout).of(ACCOUNT).windows
    assert [] == list(verify(layout))


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_time(tmp_path: Path, seed: int) -> None:
    """A kill leaves each call once, for readers at any moment and for the next writer."""
    layout = Layout(tmp_path)
    days(layout, 0, 34)
    committed(layout, [call(999)], None, sha256="cd" * 32)
    there = calls(layout)
    with Reader(layout) as reader:
        with started(layout, 0.2) as process:
            go(process)
            time.sleep(random.Random(seed).uniform(0.0, 0.8))
            process.send_signal(signal.SIGKILL)
        assert there == calls(layout)
        settle(layout)
        time.sleep(0.1)
    assert [] == reader.seen
    assert reader.looks
    assert there == calls(layout)


KILLS: list[tuple[str, int]] = [
    ("rename", 1), ("rename", 2), ("rename", 3), ("link", 1), ("fsync", 2), ("fsync", 6),
    ("unlink", 1), ("unlink", 3), ("unlink", 20), ("mkdir", 2), ("write", 3),
]  # fmt: skip


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "strace works here")
@pytest.mark.parametrize(("name", "when"), KILLS)
@pytest.mark.parametrize("effect", ["signal=KILL", "error=EIO"])
def test_system_calls(tmp_path: Path, name: str, when: int, effect: str) -> None:
    """Killed at, or failed by, any system call that changes the disk: each call is there once."""
    layout = Layout(tmp_path)
    days(layout, 0, 34)
    committed(layout, [call(999)], None, sha256="cd" * 32)
    there = calls(layout)
    with Reader(layout) as reader:
        with started(layout, 0.2) as process:
            trace = Trace(process.pid, (name,), injection=f"{effect}:when={when}")
            go(process)
        trace.wait()
        assert there == calls(layout)
        settle(layout)
    assert there == calls(layout)
    assert [] == reader.seen


def test_coverage_while_folding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are folded between the listing and the reading are listed anew."""
    layout = Layout(tmp_path)
    days(layout, 0, 3)
    listed = layout.data_files()
    list(fold(layout, NOW, SETTLING))
    listings = iter([listed, layout.data_files()])
    monkeypatch.setattr(layout, "data_files", lambda: next(listings))
    assert [day(0, 3)] == coverage(layout).of(ACCOUNT).windows


def test_question_that_meets_an_exchange(tmp_path: Path) -> None:
    """An answer whose files were exchanged while it was read is refused at its end."""
    layout = Layout(tmp_path)
    days(layout, 0, 3)
    with open_dataset(tmp_path) as dataset:
        answer = dataset.sql("select uii from calls")
        list(fold(layout, NOW, SETTLING))
        with pytest.raises(ViewError, match="ask again"):
            answer.read_all()
        assert 6 == dataset.sql("select uii from calls").read_all().num_rows
