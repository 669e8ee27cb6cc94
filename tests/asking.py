"""What views of a dataset say, as it is and as a copy of it without anything kept says it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from traced import Trace

from cdr_engine import open_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cdr_engine import OpenDataset

    Answers = dict[str, list[str]]

__all__ = ["ZONE", "anew", "answers", "lines_of", "roll_up_failing"]

ZONE = "America/New_York"
ROLLUP = """
import sys
from cdr_engine import rollup
print("ready", flush=True)
sys.stdin.readline()
rollup(sys.argv[1], time_zone=sys.argv[2], answers=sys.argv[3] == "True")
"""


def answers(dataset: Path, views: Iterable[str], **part: Any) -> Answers:
    """What views say, each as lines in order; floats to nine digits."""
    names = list(views)
    with open_dataset(dataset, time_zone=ZONE, asked=" ".join(names), **part) as opened:
        return {view: lines_of(opened, view) for view in names}


def lines_of(opened: OpenDataset, view: str) -> list[str]:
    """What one view of an open dataset says."""
    return sorted(
        str([round(cell, 9) if isinstance(cell, float) else cell for cell in row.values()])
        for row in opened.sql(view).read_all().to_pylist()
    )


def anew(dataset: Path, views: Iterable[str], **part: Any) -> Answers:
    """The same as `answers`, of a copy in which nothing is kept."""
    copy = dataset.with_name("copy")
    shutil.copytree(dataset, copy, ignore=shutil.ignore_patterns("rollups", "cdr.duckdb"))
    try:
        return answers(copy, views, **part)
    finally:
        shutil.rmtree(copy)


def roll_up_failing(dataset: Path, name: str, injection: str, *, with_answers: bool) -> None:
    """Roll a dataset up in a process that is killed at a system call, or whose call is refused."""
    command = [sys.executable, "-c", ROLLUP, str(dataset), ZONE, str(with_answers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        trace = Trace(process.pid, (name,), injection=injection)
        _, told = process.communicate("go\n")
        trace.wait()
    assert process.returncode
    assert "KILL" in injection or "CommitError: cannot write to" in told
