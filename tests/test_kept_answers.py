"""Answers that `cdr rollup` keeps whole: read where they are right, and nowhere else."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from asking import ZONE, anew, answers, lines_of, roll_up_failing
from traced import why_not

from cdr_engine import compact, export, ingest_spots, open_dataset, repair, rollup, verify
from cdr_engine.cli import main
from cdr_engine.dataset import Layout, commit_answer, content_key, coverage
from cdr_engine.definitions import Definitions
from cdr_engine.simulator import ACCOUNT_IDS
from cdr_engine.views import ANSWERED, catalogue
from cdr_engine.views.catalogue import asked_of
from cdr_engine.views.counts import COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdr_engine import ExportSummary
    from cdr_engine.simulator import Simulator

    Fetch = Callable[..., ExportSummary]

START, END = "2024-10-28", "2024-11-05"
"""Autumn's repeated hour is within the days."""
FEW = ("cost_per_call", "repeat_callers", "talk_time")
LOG = """time,code,cost
2024-10-30 11:00,TV-EV-30,120
2024-11-01 09:30,TV-EV-30,80
"""


@pytest.fixture(scope="module")
def exported(
    shared_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Calls and airings, without answers and with; neither is changed."""
    plain, rolled = (tmp_path_factory.mktemp("kept") / name for name in ("dataset", "rolled"))
    service = {"base_url": shared_simulator.base_url, "token": shared_simulator.token}
    export(dataset=plain, start=START, end=END, window="2d", rate_limit="off", **service)
    air(plain, LOG)
    shutil.copytree(plain, rolled)
    assert len(ANSWERED) == rollup(rolled, time_zone=ZONE).n_answers
    return plain, rolled


@pytest.fixture
def kept(exported: tuple[Path, Path], tmp_path: Path) -> Path:
    """The dataset with answers, to be changed."""
    return Path(shutil.copytree(exported[1], tmp_path / "dataset"))


def air(dataset: Path, log: str) -> None:
    """Load a log of airings, for all accounts."""
    path = dataset.with_name("spots.csv")
    path.write_text(log)
    ingest_spots(path, dataset, time_zone=ZONE)


def read_from_kept(dataset: Path, **part: Any) -> set[str]:
    """Views that a question reads from an answer."""
    with open_dataset(dataset, **{"time_zone": ZONE} | part) as opened:
        return set(opened.answered)


def files(dataset: Path, view: str = "") -> list[Path]:
    """The kept answers, of one view or of all."""
    return sorted((dataset / "rollups" / "answers").glob(f"{view}*.parquet"))


def test_every_view_is_counted_or_kept() -> None:
    """No view of the package has to read every call whenever it is asked."""
    views = catalogue()
    counted = {
        view.name
        for view in views
        if any(read.name in COUNTED for read in asked_of(views, view.name))
    }
    assert {view.name for view in views if view.is_public} == {
        *(name for name in counted if not name.startswith("stg_")),
        *ANSWERED,
    }


@pytest.mark.parametrize(
    ("part", "kept_anyway"),
    [
        ({}, set(ANSWERED)),
        (
            {"start": "2024-10-30", "end": "2024-11-04"},
            {"data_quality", "media_performance", "talk_time"},
        ),
        ({"start": "2024-11-03 01:30"}, set()),
        ({"accounts": ACCOUNT_IDS[:1]}, set(ANSWERED) - {"cost_per_call", "spot_response"}),
        ({"profiles": ["1001", "Sales"]}, set()),
        ({"accounts": ACCOUNT_IDS[1:], "end": "2024-11-01"}, {"talk_time", "data_quality"}),
    ],
)
def test_answers_are_the_same(
    exported: tuple[Path, Path], part: dict[str, Any], kept_anyway: set[str]
) -> None:
    """A kept answer is that of the calls; parts that are not rows of it are worked out."""
    plain, rolled = exported
    assert kept_anyway <= read_from_kept(rolled, **part)
    assert bool(kept_anyway) == bool(read_from_kept(rolled, **part))
    assert answers(plain, ANSWERED, **part) == answers(rolled, ANSWERED, **part)


def test_columns_are_the_same(exported: tuple[Path, Path]) -> None:
    """A kept answer has the names, types and comments of the view."""
    with (
        open_dataset(exported[0], time_zone=ZONE) as plain,
        open_dataset(exported[1], time_zone=ZONE) as rolled,
    ):
        assert set(ANSWERED) == set(rolled.answered)
        assert [] == plain.answered
        for view in ANSWERED:
            assert plain.sql(view).schema == rolled.sql(view).schema
        comments = "select view_name, comment from duckdb_views() where comment <> '' order by 1"
        assert plain.arrow(comments) == rolled.arrow(comments)


def test_calls_are_not_read(exported: tuple[Path, Path], kept: Path) -> None:
    """Where answers are kept no call is read: the pages of the data files may be blank."""
    for path in (kept / "calls").glob("*/*.parquet"):
        body = path.read_bytes()
        length = int.from_bytes(body[-8:-4], "little") + 8
        path.write_bytes(bytes(len(body) - length) + body[-length:])
    assert answers(exported[0], ANSWERED) == answers(kept, ANSWERED)


def test_other_meanings_are_worked_out(kept: Path) -> None:
    """Another zone, or other definitions, have answers of their own."""
    own = Definitions(repeat_days=1)
    assert set() == read_from_kept(kept, time_zone="Asia/Kolkata")
    assert set(ANSWERED) - {"repeat_callers"} != read_from_kept(kept, definitions=own)
    expected = answers(kept, FEW, definitions=own)

    rollup(kept, time_zone=ZONE, definitions=own)
    assert set(ANSWERED) == read_from_kept(kept, definitions=own) == read_from_kept(kept)
    assert expected == answers(kept, FEW, definitions=own) != answers(kept, FEW)


def test_coverage_is_edited(kept: Path, simulator: Simulator, fetch: Fetch) -> None:
    """No answer is read once calls or airings came, changed or went, in an open dataset as well."""
    with open_dataset(kept, time_zone=ZONE, asked=" ".join(FEW)) as opened:

        def agree(are_kept: bool = False) -> None:
            assert anew(kept, FEW) == {view: lines_of(opened, view) for view in FEW}
            assert (set(FEW) if are_kept else set()) == set(FEW) & set(opened.answered)

        agree(are_kept=True)
        fetch(simulator, END, "2024-11-07", window="2d")
        agree()
        rollup(kept, time_zone=ZONE)
        agree(are_kept=True)
        fetch(simulator, "2024-10-30", "2024-11-01", window="2d", refresh=True)
        agree()
        gone = next((kept / "calls").glob("*/20241101T*.parquet"))
        rollup(kept, time_zone=ZONE)
        gone.unlink()
        agree()
        rollup(kept, time_zone=ZONE)
        air(kept, f"{LOG}2024-11-02 20:00,TV-EV-30,10\n")
        agree()
        rollup(kept, time_zone=ZONE)
        for path in (kept / "spots").glob("*.parquet"):
            path.unlink()
        agree()
        compact(kept)
        agree()
        rollup(kept, time_zone=ZONE)
        agree(are_kept=True)


def keep(dataset: Path, key: str, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """Keep one row as an answer of talk_time; something happens while it is worked out."""
    layout = Layout(dataset)
    schema = pa.schema([("n_calls", pa.int64())])

    def rows() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([[1]], schema)
        meanwhile()

    content = content_key(layout, coverage(layout).files)
    reader = pa.RecordBatchReader.from_batches(schema, rows())
    return commit_answer(layout, "talk_time", key, content, reader)


def test_files_that_come_meanwhile(kept: Path, simulator: Simulator, fetch: Fetch) -> None:
    """An answer that was worked out while a file came is of neither state, and is not kept."""
    assert keep(kept, "before")
    assert not keep(kept, "meanwhile", lambda: fetch(simulator, END, "2024-11-07", window="2d"))
    assert keep(kept, "afterwards")
    names = {path.name for path in (kept / "rollups" / "answers").glob("*talk_time*")}
    assert {"talk_time-before.parquet", "talk_time-afterwards.parquet"} < names
    assert 3 == len(names)


def test_it_says_that_calls_came_meanwhile(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cdr rollup` tells how many answers it could keep, and to run it again if not all."""
    for path in files(kept, "talk_time"):
        path.unlink()
    monkeypatch.setitem(rollup.__globals__, "commit_answer", lambda *_: False)
    with pytest.raises(SystemExit, match="0"):
        main(["rollup", "--dataset", str(kept), "--time-zone", ZONE])
    told = " ".join(capsys.readouterr().err.split())
    assert "answers of 10 views are kept, of 11: calls came meanwhile, so run it again" in told


def test_damage_is_found_and_removed(kept: Path) -> None:
    """`verify` finds a flipped bit in an answer; `repair` removes it, and the calls are read."""
    (path,) = files(kept, "repeat_callers")
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 4
    path.write_bytes(body)
    assert [path] == [finding.path for finding in verify(kept)]

    assert (path,) == repair(kept).removed
    assert set(ANSWERED) - {"repeat_callers"} == read_from_kept(kept)
    assert len(ANSWERED) == rollup(kept, time_zone=ZONE).n_answers
    assert set(ANSWERED) == read_from_kept(kept)


def test_old_answers_are_removed(kept: Path) -> None:
    """Of each view the last three answers stay, and those that somebody may be reading."""
    (first,) = files(kept, "talk_time")
    for key in ("second", "third", "fourth"):
        assert keep(kept, key)
    assert 4 == len(files(kept, "talk_time"))

    long_ago = time.time() - 7200
    os.utime(first, (long_ago, long_ago))
    assert keep(kept, "fifth")
    assert first not in files(kept, "talk_time")
    assert 4 == len(files(kept, "talk_time"))
    assert 1 == len(files(kept, "media_market"))


def test_views_of_the_user_read_them(kept: Path, tmp_path: Path) -> None:
    """A user's own view over a kept one reads its answer."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "long_talks.sql").write_text("SELECT * FROM Talk_Time WHERE p90_talk_s > 100")
    with open_dataset(kept, time_zone=ZONE, own_views=own, asked="long_talks") as opened:
        assert "READ_PARQUET" in opened.explain("long_talks")
        assert ["talk_time"] == opened.answered
        assert opened.arrow("long_talks").num_rows


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "strace works here")
@pytest.mark.parametrize(
    ("name", "when", "effect"),
    [
        ("rename", 3, "signal=KILL"),
        ("fsync", 4, "error=EIO"),
    ],
)
def test_system_calls(kept: Path, name: str, when: int, effect: str) -> None:
    """Killed at, or failed by, a system call: answers are the same, and the next one keeps them."""
    expected = answers(kept, FEW)
    for path in files(kept):
        path.unlink()
    roll_up_failing(kept, name, f"{effect}:when={when}", with_answers=True)
    assert set(ANSWERED) != read_from_kept(kept)
    assert expected == answers(kept, FEW)
    assert [] == list(verify(kept))
    rollup(kept, time_zone=ZONE)
    assert expected == answers(kept, FEW)
    assert set(ANSWERED) == read_from_kept(kept)
