"""`cdr rollup`: whatever is kept, and whatever became of the files since, answers are the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asking import ZONE, anew, answers, lines_of, roll_up_failing
from traced import why_not

from cdr_engine import compact, export, ingest, open_dataset, repair, rollup, verify
from cdr_engine.cli.counting import renew_counts
from cdr_engine.definitions import Definitions
from cdr_engine.errors import CommitError, DatasetError
from cdr_engine.rollup import is_due
from cdr_engine.settings import Settings
from cdr_engine.simulator import ACCOUNT_IDS
from cdr_engine.views import ANSWERED, catalogue
from cdr_engine.views.catalogue import asked_of
from cdr_engine.views.counts import COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdr_engine import ExportSummary
    from cdr_engine.simulator import Simulator

    Fetch = Callable[..., ExportSummary]

START, END = "2024-10-28", "2024-11-05"
"""Autumn's repeated hour is within the days."""
count = partial(rollup, time_zone=ZONE, answers=False)
"""Answers that are kept whole have tests of their own."""
MARTS = (
    "abandonment",
    "answer_speed",
    "area_code",
    "attempt_dispositions",
    "attempt_funnel",
    "cellular_split",
    "connect_rate_by_profile",
    "coverage_gaps",
    "creative_compare",
    "daily_anomalies",
    "data_quality",
    "destination_answer_rate",
    "destination_share",
    "dnis_inventory",
    "failover_matrix",
    "hour_of_week",
    "interval_volume",
    "offered_load",
    "patience",
    "ring_time",
    "service_level",
    "short_calls",
    "staffing_erlang_c",
)
"""Every view that reads a counted one."""
FEW = ("answer_speed", "attempt_dispositions", "interval_volume", "dnis_inventory")


@pytest.fixture(scope="module")
def exported(
    shared_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A dataset of daily windows in two months, without counts and with; neither is changed."""
    plain, rolled = (tmp_path_factory.mktemp("rollup") / name for name in ("dataset", "rolled"))
    service = {"base_url": shared_simulator.base_url, "token": shared_simulator.token}
    export(dataset=plain, start=START, end=END, window="1d", rate_limit="off", **service)
    shutil.copytree(plain, rolled)
    count(rolled)
    return plain, rolled


@pytest.fixture
def daily(exported: tuple[Path, Path], tmp_path: Path) -> Path:
    """The dataset without counts, to be changed."""
    return Path(shutil.copytree(exported[0], tmp_path / "dataset"))


@pytest.fixture
def counted(exported: tuple[Path, Path], tmp_path: Path) -> Path:
    """The dataset with counts, to be changed."""
    return Path(shutil.copytree(exported[1], tmp_path / "dataset"))


def is_kept(dataset: Path, view: str, **part: Any) -> bool:
    """Tell whether questions read what is kept of a counted view."""
    with open_dataset(dataset, **{"time_zone": ZONE, "asked": view} | part) as opened:
        return view in opened.counted


def test_all_counted_views_are_tried() -> None:
    """The list above is that of all views that read a counted one, at whatever distance."""
    views = catalogue()
    reading = {
        view.name
        for view in views
        if view.is_public and any(read.name in COUNTED for read in asked_of(views, view.name))
    }
    assert set(MARTS) == reading


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"start": "2024-10-30", "end": "2024-11-04"},
        {"start": "2024-11-03", "end": "2024-11-04"},
        {"start": "2024-11-01 06:15", "end": "2024-11-02 18:30"},
        {"start": "2024-11-01 06:17"},
        {"accounts": ACCOUNT_IDS[:1]},
        {"profiles": ["1001", "Sales"]},
        {"accounts": ACCOUNT_IDS[1:], "end": "2024-11-01"},
    ],
)
def test_answers_are_the_same(exported: tuple[Path, Path], part: dict[str, Any]) -> None:
    """Every view answers the same with what is kept and without, for any part of the calls."""
    plain, rolled = (answers(dataset, MARTS, **part) for dataset in exported)
    assert plain == rolled


def test_calls_are_not_read(exported: tuple[Path, Path], counted: Path) -> None:
    """Where everything is counted no call is read: the pages of the data files may be blank."""
    for path in (counted / "calls").glob("*/*.parquet"):
        body = path.read_bytes()
        length = int.from_bytes(body[-8:-4], "little") + 8
        path.write_bytes(bytes(len(body) - length) + body[-length:])
    period = {"start": "2024-10-30", "end": "2024-11-04"}
    views = tuple(sorted(set(MARTS) - {"area_code", "data_quality", "offered_load", "ring_time"}))
    assert answers(exported[0], views, **period) == answers(counted, views, **period)


def test_periods_that_cut_counts(exported: tuple[Path, Path]) -> None:
    """What is kept is read where the period is whole days, or whole slots; else calls are."""
    plain, rolled = exported
    assert not is_kept(plain, "stg_day_waits")
    assert is_kept(rolled, "stg_day_waits", start="2024-10-30", end="2024-11-01")
    assert not is_kept(rolled, "stg_day_waits", start="2024-10-30 06:00")
    assert is_kept(rolled, "stg_slot_counts", start="2024-10-30 06:00")
    assert not is_kept(rolled, "stg_slot_counts", start="2024-10-30 06:01")
    assert is_kept(rolled, "stg_rings")
    assert not is_kept(rolled, "stg_rings", start="2024-10-30")


def test_other_meanings_count_anew(counted: Path) -> None:
    """Another zone, or other definitions, have counts of their own."""
    strict = Definitions(service_level_s=1)
    assert not is_kept(counted, "stg_day_waits", time_zone="Asia/Kolkata")
    assert not is_kept(counted, "stg_day_waits", definitions=strict)
    expected = answers(counted, FEW, definitions=strict)

    count(counted, definitions=strict)
    assert is_kept(counted, "stg_day_waits", definitions=strict)
    assert expected == answers(counted, FEW, definitions=strict) != answers(counted, FEW)
    assert is_kept(counted, "stg_day_waits")


def test_only_what_is_new_is_counted(daily: Path, simulator: Simulator, fetch: Fetch) -> None:
    """A second rollup counts the files that came since; a third finds nothing to do."""
    first = count(daily)
    fetch(simulator, END, "2024-11-07", window="1d")
    second = count(daily)
    assert (first.n_files, len(ACCOUNT_IDS) * 2) == (second.n_kept_files, second.n_files)
    assert (0, 0) == count(daily)[:2]
    assert anew(daily, MARTS) == answers(daily, MARTS)


def test_coverage_is_edited(counted: Path, simulator: Simulator, fetch: Fetch) -> None:
    """Files that come, are replaced, folded or removed are noticed, in an open dataset as well."""
    with open_dataset(counted, time_zone=ZONE, asked=" ".join(FEW)) as opened:

        def agree() -> None:
            assert anew(counted, FEW) == {view: lines_of(opened, view) for view in FEW}

        agree()
        fetch(simulator, END, "2024-11-06", window="1d")
        agree()
        fetch(simulator, "2024-10-30", "2024-10-31", window="1d", refresh=True)
        agree()
        gone = sorted((counted / "calls").glob("*/20241101T*.parquet"))
        for path in gone:
            path.unlink()
        assert len(ACCOUNT_IDS) == len(gone)
        agree()
        count(counted)
        agree()
        compact(counted)
        agree()
        count(counted)
        agree()


def test_a_file_that_took_the_name_is_another(counted: Path) -> None:
    """A file of the same name and size, committed at another time, is not the one counted."""
    one, other = sorted((counted / "calls" / f"account_id={ACCOUNT_IDS[0]}").glob("*.parquet"))[:2]
    shutil.copy(other, one)
    assert anew(counted, FEW) == answers(counted, FEW)


def test_a_moved_dataset_keeps_its_counts(counted: Path) -> None:
    """A copy elsewhere reads the same counts, though its files are others to the system."""
    moved = counted.with_name("it's [moved]")
    shutil.copytree(counted, moved)
    assert is_kept(moved, "stg_day_waits")
    assert answers(counted, MARTS) == answers(moved, MARTS)
    (moved / "calls" / f"account_id={ACCOUNT_IDS[0]}").rename(moved / "calls" / "account_id=9")
    assert anew(moved, FEW) == answers(moved, FEW)


def test_calls_without_any_time_count(tmp_path: Path) -> None:
    """Calls without a time are counted, and are in no period."""
    sample = Path(__file__).parents[1] / "sample_data" / "vendor_example.csv"
    header, *calls = sample.read_text("utf-8").splitlines(keepends=True)
    blank = [line.replace("4/20/20 6:12 AM", "").replace("'20200425", "'x") for line in calls]
    (tmp_path / "calls.csv").write_text(header + "".join([*calls, *blank]))
    dataset = tmp_path / "dataset"
    ingest([tmp_path / "calls.csv"], dataset, time_zone="US/Arizona")
    for part in ({}, {"start": "2020-01-01"}):
        expected = answers(dataset, MARTS, **part)
        count(dataset)
        assert expected == answers(dataset, MARTS, **part)


def test_an_empty_dataset(tmp_path: Path) -> None:
    """There is nothing to count where there are no calls, and no dataset is an error."""
    with pytest.raises(DatasetError, match="no such folder"):
        rollup(tmp_path / "nowhere")
    assert (0, 0, 0, 0) == rollup(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_damage_is_found_and_removed(counted: Path) -> None:
    """`verify` finds a flipped bit in what is kept; `repair` removes it, and answers are right."""
    expected = answers(counted, FEW)
    table = next((counted / "rollups").glob("*/stg_day_waits-*.parquet"))
    body = bytearray(table.read_bytes())
    body[len(body) // 2] ^= 4
    table.write_bytes(body)
    assert [table] == [finding.path for finding in verify(counted)]

    repaired = repair(counted)
    assert (table,) == repaired.removed
    assert () == repaired.set_aside == repaired.to_fetch
    assert expected == answers(counted, FEW)
    count(counted)
    assert is_kept(counted, "stg_day_waits")


def test_a_record_that_cannot_be_read(counted: Path) -> None:
    """Where the record is damaged, nothing counts as counted."""
    expected = answers(counted, FEW)
    record = next((counted / "rollups").glob("*/rollup.json"))
    record.write_bytes(record.read_bytes()[:-9])
    assert expected == answers(counted, FEW)
    assert not is_kept(counted, "stg_day_waits")


def test_readers_keep_the_tables_before(counted: Path, simulator: Simulator, fetch: Fetch) -> None:
    """An answer that is being read while counts are replaced ends as it began."""
    with open_dataset(counted, time_zone=ZONE) as opened:
        expected = opened.sql("interval_volume").read_all().num_rows
        answer = opened.sql("interval_volume")
        fetch(simulator, END, "2024-11-06", window="1d")
        count(counted)
        assert expected == answer.read_all().num_rows < opened.arrow("interval_volume").num_rows


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "strace works here")
@pytest.mark.parametrize(
    ("name", "when", "effect"),
    [
        ("rename", 1, "signal=KILL"),
        ("rename", 13, "signal=KILL"),
        ("fsync", 4, "error=EIO"),
        ("fsync", 14, "error=EIO"),
    ],
)
def test_system_calls(daily: Path, name: str, when: int, effect: str) -> None:
    """Killed at, or failed by, a system call: answers are the same, and the next one succeeds."""
    expected = anew(daily, FEW)
    roll_up_failing(daily, name, f"{effect}:when={when}", with_answers=False)
    assert expected == answers(daily, FEW)
    count(daily)
    assert expected == answers(daily, FEW)
    assert is_kept(daily, "stg_day_waits")


def test_old_tables_are_removed(counted: Path, simulator: Simulator, fetch: Fetch) -> None:
    """What was replaced before the last, or left by a killed writer, is removed an hour later."""
    folder = next((counted / "rollups").iterdir())
    (folder / ".left.partial").touch()
    first = {path.name for path in folder.iterdir()} - {"rollup.json"}
    for day in ("2024-11-06", "2024-11-07"):
        fetch(simulator, END, day, window="1d")
        count(counted)
    assert first <= {path.name for path in folder.iterdir()}
    long_ago = time.time() - 7200
    for name in first:
        os.utime(folder / name, (long_ago, long_ago))
    fetch(simulator, END, "2024-11-08", window="1d")
    count(counted)
    assert not first & {path.name for path in folder.iterdir()}


def test_a_disk_that_refuses(daily: Path) -> None:
    """Where counts cannot be written, that is an error, and answers are the same."""
    expected = answers(daily, FEW)
    (daily / "rollups").touch()
    with pytest.raises(CommitError, match="cannot write to"):
        count(daily)
    assert expected == answers(daily, FEW)


def test_export_counts_when_much_has_come(
    daily: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an export counts are renewed once there is much to count; a failure is only said."""
    settings = Settings(dataset=str(daily))
    renew_counts(settings)
    assert not (daily / "rollups").exists()

    monkeypatch.setitem(is_due.__globals__, "DUE_FILES", 3)
    (daily / "rollups").touch()
    renew_counts(settings)
    assert "not counted ahead: cdr: cannot write to" in capsys.readouterr().err
    (daily / "rollups").unlink()
    renew_counts(settings)
    assert is_kept(daily, "stg_day_waits", time_zone="UTC")
    assert "" == capsys.readouterr().err


def test_command(daily: Path) -> None:
    """The command says what it counted; --json gives it as numbers."""

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cdr_engine", "rollup", "--dataset", str(daily), *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    told = run().stderr
    assert f"of {8 * len(ACCOUNT_IDS)} files; 0 files were counted before" in told
    assert f"answers of {len(ANSWERED)} views are kept" in told
    again = json.loads(run("--json", "--no-answers").stdout)
    assert {
        "n_files": 0,
        "n_calls": 0,
        "n_kept_files": 8 * len(ACCOUNT_IDS),
        "n_answers": 0,
    } == again
