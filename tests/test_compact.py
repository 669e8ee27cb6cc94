"""`cdr compact`: exports, refreshes and questions go on from folded windows as from others."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cdr_engine import compact, open_dataset, status, verify
from cdr_engine.errors import DatasetError
from cdr_engine.simulator import ACCOUNT_IDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cdr_engine import ExportSummary
    from cdr_engine.simulator import Simulator

    Fetch = Callable[..., ExportSummary]
    Rows = Callable[[Path], list[dict[str, Any]]]

START, END = "2024-10-28", "2024-11-05"
N_WINDOWS = 8 * len(ACCOUNT_IDS)
N_FOLDED = 2 * len(ACCOUNT_IDS)
"""Both months of each account."""


@pytest.fixture
def daily(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> Path:
    """A dataset of daily windows in two months."""
    fetch(simulator, START, END, window="1d")
    return tmp_path / "dataset"


def test_exports_go_on(daily: Path, simulator: Simulator, fetch: Fetch, rows_of: Rows) -> None:
    """What is folded is covered, is refreshed by its own bounds, and holds the same calls."""
    rows = rows_of(daily)
    assert N_FOLDED == len(compact(daily))
    assert rows == rows_of(daily)
    assert [] == [gap for account in status(daily).accounts for gap in account.gaps]

    assert () == fetch(simulator, START, END, window="1d").files
    again = fetch(simulator, START, END, window="1d", refresh=True).files
    assert N_FOLDED == len(again)
    assert rows == rows_of(daily)
    assert [] == list(verify(daily))


def test_views_answer_the_same(daily: Path) -> None:
    """No view changes, in a dataset that is open as well."""
    views = ("connect_rate_by_profile", "attempt_dispositions", "interval_volume", "answer_speed")
    with open_dataset(daily) as dataset:

        def answers() -> list[list[str]]:
            return [sorted(map(str, dataset.sql(view).read_all().to_pylist())) for view in views]

        before = answers()
        compact(daily)
        assert before == answers()


def test_plan(daily: Path) -> None:
    """A plan says what would be folded and leaves it; accounts can be named."""
    assert N_FOLDED == len(compact(daily, is_plan=True))
    assert N_WINDOWS == len(status(daily).files)
    assert {ACCOUNT_IDS[0]} == {one.account_id for one in compact(daily, accounts=ACCOUNT_IDS[:1])}
    assert N_WINDOWS - 8 + 2 == len(status(daily).files)


def test_no_folder(tmp_path: Path) -> None:
    """A dataset that is not there is an error, and is not made."""
    with pytest.raises(DatasetError, match="no such folder"):
        compact(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_command(daily: Path) -> None:
    """The command says what it folded; --json gives the names of the files that are gone."""

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cdr_engine", "compact", "--dataset", str(daily), *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    planned = json.loads(run("--dry-run", "--json").stdout)
    assert N_WINDOWS == sum(len(one["files"]) for one in planned)
    done = run()
    assert N_FOLDED == len(done.stdout.splitlines())
    assert f"{N_WINDOWS} files became {N_FOLDED}" in done.stderr
    assert "0 files became 0" in run().stderr
