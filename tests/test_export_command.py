"""`cdr export` and `cdr sync` as processes: events, signals while nothing moves, silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cdr_engine.simulator import ACCOUNT_IDS, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE = ACCOUNT_IDS[0]
EXPORT = ("export", "--start", "2024-11-01", "--end", "2024-11-07", "--window", "1d")


def process(folder: Path, simulator: Simulator, *words: str) -> subprocess.Popen[str]:
    """Start a command in a folder, with the service in its environment."""
    known = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    there = {"CDR_BASE_URL": simulator.base_url, "CDR_ENGAGE_TOKEN": simulator.token}
    return subprocess.Popen(
        [sys.executable, "-m", "cdr_engine", *words, "--account", ONE],
        cwd=folder,
        env={"HOME": str(folder), **known, **there},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_events(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """Without a terminal standard error is one JSON object a line, from the plan to the summary."""
    simulator = serve(fault="503-retry")
    running = process(tmp_path, simulator, *EXPORT, "--rate-limit", "off")
    _, err = running.communicate(timeout=60)
    events = [json.loads(line) for line in err.splitlines()]
    names = [event["event"] for event in events]

    assert 0 == running.returncode
    assert ("planned", "summary") == (names[0], names[-1])
    assert (6, 7, 1) == tuple(names.count(n) for n in ("committed", "started", "retrying"))
    (retry,) = (event for event in events if event["event"] == "retrying")
    assert "503" in retry["reason"]
    assert (6, 0, 1) == tuple(events[-1][name] for name in ("committed", "failed", "retries"))


@pytest.mark.parametrize(
    ("fault", "rate_limit", "until"),
    [
        ("", "2/1h", "waiting"),
        ("ok,ok,stall*", "off", "committed"),
        ("ok,500*", "off", "retrying"),
    ],
    ids=["limiter", "bodies", "pauses"],
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stop_while_nothing_moves(
    fault: str,
    rate_limit: str,
    until: str,
    number: signal.Signals,
    code: int,
    serve: Callable[..., Simulator],
    tmp_path: Path,
) -> None:
    """Jobs that wait for limit, service or pause end within five seconds and say how to go on."""
    simulator = serve(Switches(stall_s=30), fault=fault)
    words = (*EXPORT[:2], "2024-11-01", *EXPORT[3:], "--rate-limit", rate_limit, "--jobs", "4")
    running = process(tmp_path, simulator, *words)
    try:
        assert running.stderr is not None
        while f'"event":"{until}"' not in running.stderr.readline():
            pass
        time.sleep(0.5)
        stopped = time.monotonic()
        running.send_signal(number)
        _, err = running.communicate(timeout=10)
    finally:
        running.kill()

    assert code == running.returncode
    assert time.monotonic() - stopped < 5
    last = err.splitlines()[-1]
    assert "resume with: cdr export --start 2024-11-01T00:00:00+00:00 --end 2024-11-07T" in last
    assert "Traceback" not in err
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert [] == [name for name in names if name != ".lock" and not name.endswith("Z.parquet")]


def test_nothing_new(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """A sync with nothing to do says nothing and ends well."""
    running = process(tmp_path, serve(), "sync", "--start", "now")

    assert ("", "") == running.communicate(timeout=60)
    assert 0 == running.returncode


def test_sync_beside_an_export(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """A sync that finds another writer ends with 7 and one line."""
    simulator = serve(Switches(stall_s=30), fault="stall*")
    first = process(tmp_path, simulator, *EXPORT)
    try:
        while not simulator.report_requests:
            time.sleep(0.05)
        second = process(tmp_path, simulator, "sync", "--start", "-1d")
        _, err = second.communicate(timeout=60)
    finally:
        first.kill()
        first.communicate()

    assert 7 == second.returncode
    assert "another process is writing" in err
    assert 1 == err.count("\n")
