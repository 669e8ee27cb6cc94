from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cdr_engine.simulator import ACCOUNT_IDS, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cdr_engine import ExportSummary

ONE = ACCOUNT_IDS[0]
START, END = "2024-11-01", "2024-11-04"


@pytest.fixture
def cdr(simulator: Simulator, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `cdr verify` on the dataset that `fetch` fills, with a service to ask."""

    def run(*flags: str, code: int = 0, base_url: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "CDR_BASE_URL": base_url or simulator.base_url,
            "CDR_ENGAGE_TOKEN": simulator.token,
            "CDR_DATASET": str(tmp_path / "dataset"),
            "CDR_RATE_LIMIT": "off",
        }
        command = [sys.executable, "-m", "cdr_engine", "verify", *flags]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert code == done.returncode, done.stderr
        return done

    return run


def damaged(dataset: Path) -> Path:
    """Flip a bit of the first data file."""
    path = min((dataset / "calls").glob("*/*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def test_repair_and_fetch(
    simulator: Simulator,
    fetch: Callable[..., ExportSummary],
    rows_of: Callable[[Path], list[Any]],
    cdr: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """A damaged window is set aside, fetched again by its own bounds, and nothing else is."""
    dataset = tmp_path / "dataset"
    fetch(simulator, START, END, accounts=[ONE], window="1d")
    before = rows_of(dataset)
    path = damaged(dataset)
    assert "damaged" in cdr(code=6).stderr
    simulator.requests.clear()

    done = cdr("--repair", "--fetch", "--log-format", "text")

    assert f"to be exported again: account {ONE}" in done.stderr
    assert 1 == len(simulator.report_requests)
    assert path.exists()
    assert before == rows_of(dataset)
    cdr()


def test_repair_alone(
    simulator: Simulator,
    fetch: Callable[..., ExportSummary],
    cdr: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Without --fetch the service is not asked; what is missing is told, also as JSON."""
    fetch(simulator, START, END, accounts=[ONE], window="1d")
    path = damaged(tmp_path / "dataset")
    simulator.requests.clear()

    told = json.loads(cdr("--repair", "--json").stdout)

    assert [] == simulator.requests
    assert [ONE] == [one["account_id"] for one in told["to_fetch"]]
    assert not path.exists()
    assert 2 == len(told["set_aside"]) + 1
    assert "goes with --repair" in cdr("--fetch", code=2).stderr


def test_against_service(
    simulator: Simulator,
    fetch: Callable[..., ExportSummary],
    cdr: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """One report over all windows holds the calls of the windows; it is one report call."""
    summary = fetch(simulator, START, END, accounts=[ONE], window="6h")
    simulator.requests.clear()

    (told,) = json.loads(cdr("--against-service", "--sample", "5", "--json").stdout)

    assert told["is_same"]
    assert summary.ledger.rows == told["n_held"] == told["n_reported"] > 0
    assert 1 == len(simulator.report_requests)


@pytest.mark.parametrize("seed", [8])
def test_service_that_says_something_else(
    seed: int,
    simulator: Simulator,
    fetch: Callable[..., ExportSummary],
    serve: Callable[..., Simulator],
    cdr: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Where the service has other calls by now the stretch is named, and the end is a 6."""
    from cdr_engine.simulator import History

    fetch(simulator, START, END, accounts=[ONE], window="1d")
    other = serve(Switches(), History(seed, calls_per_day=40), token=simulator.token)

    done = cdr("--against-service", "--account", ONE, code=6, base_url=other.base_url)

    assert "differs" in done.stdout
    assert "--refresh" in done.stderr
