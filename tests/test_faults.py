"""Exports through faults; `make faults COUNT=1200 SEED=7` runs more of them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from campaigns.faults import KINDS, REPORTS, Bench, Case, case_of, check_files, run
from exported import data_files

from cdr_engine.api import ReportService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS = 200
SLICES = 10
FIRST_SEED = 20200425


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The services and their proxies."""
    with Bench() as running:
        yield running


@pytest.mark.parametrize("part", range(SLICES))
def test_no_fault_loses_or_invents_a_call(part: int, bench: Bench) -> None:
    """Whatever fails, only whole windows are committed, and once it ends the rerun brings all."""
    for number in range(part, RUNS, SLICES):
        case = case_of(FIRST_SEED + number)
        try:
            run(case, bench)
        except AssertionError as error:
            error.add_note(str(case))
            raise
        finally:
            bench.end(case)


def test_runs_meet_every_kind() -> None:
    """The runs above meet each fault of the simulator and of the proxy at least twice."""
    kinds = [case_of(FIRST_SEED + number).kind for number in range(RUNS)]

    assert 60 <= len(KINDS)
    assert all(2 <= kinds.count(kind) for kind in KINDS)


def test_client_that_trusts_the_end_is_caught(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is able to fail: a client that takes a body without proven end loses calls."""
    defaults = ReportService.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "accept_unproven_end", True)
    case = case_of(FIRST_SEED)
    trusting = Case(1, "no-framing-cut", "plain", "no-framing-cut*", REPORTS, case.first, 3, 1)
    with pytest.raises(AssertionError, match="is not what the service has for this window"):
        run(trusting, bench)
    bench.end(trusting)


@pytest.mark.parametrize(
    ("kind", "code"), [("cut-chunk", 4), ("503", 4), ("401", 3), ("gzip-crc", 4)]
)
def test_command_through_a_fault(kind: str, code: int, bench: Bench, tmp_path: Path) -> None:
    """`cdr export` ends with a code and one line, keeps whole windows, and its rerun brings all."""
    case = Case(5, kind, "plain", f"ok,{kind}*", REPORTS, case_of(0).first, 3, 1)
    dataset = tmp_path / "dataset"
    command = [sys.executable, "-m", "cdr_engine", "export", "--dataset", str(dataset)]
    command += ["--base-url", bench.base_url(case), "--account", "13670001", "--window", "1d"]
    command += ["--start", f"{case.first:%F}", "--end", f"{case.end:%F}", "--rate-limit", "off"]
    command += ["--max-attempts", "1", "--jobs", "1"]
    environment = os.environ | {"CDR_ENGAGE_TOKEN": bench.simulators["plain"].token}

    def export() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    bench.begin(case)
    failed = export()
    assert not check_files(bench, case, dataset)
    assert data_files(dataset)
    assert bench.end(case)
    assert failed.returncode in (code, 5)
    assert failed.stderr.splitlines()[-1].startswith("cdr: ")
    assert "Traceback" not in failed.stderr
    done = export()

    assert 0 == done.returncode, done.stderr
    assert check_files(bench, case, dataset)
