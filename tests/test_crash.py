"""Exports that die or whose disk fails; `make crash COUNT=1000 SEED=7` runs more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from campaigns.crash import Bench, Way, run
from traced import why_not

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20200425
TRACED = pytest.mark.skipif(bool(why_not()), reason=why_not() or "strace works here")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Services, and a source of processes."""
    with Bench() as running:
        yield running


def run_all(bench: Bench, way: Way, count: int, seed: int) -> int:
    """Run so many cases of one kind; gives how often a process was ended."""
    ended = 0
    for case in bench.cases(count, seed, (way,)):
        try:
            told = run(case, bench)
        except AssertionError as error:
            error.add_note(str(case))
            raise
        assert told["looks"]
        ended += told["killed"]
    return ended


@pytest.mark.parametrize("part", range(4))
def test_killed_at_any_time(part: int, bench: Bench) -> None:
    """After a kill at any time the rerun brings every call once, and readers see whole windows."""
    run_all(bench, "time", 5, SEED + part)


def test_command_is_killed(bench: Bench) -> None:
    """The same holds for the command as a user starts it."""
    run_all(bench, "command", 2, SEED)


@TRACED
@pytest.mark.parametrize("part", range(6))
def test_killed_at_a_system_call(part: int, bench: Bench) -> None:
    """The same holds for a kill at any open, write, sync, rename, link or unlink."""
    assert run_all(bench, "call", 5, SEED + part)


@TRACED
@pytest.mark.parametrize("part", range(4))
def test_system_call_fails(part: int, bench: Bench) -> None:
    """A write, sync or rename that fails, once or for good, is an error; the rerun brings all."""
    run_all(bench, "error", 4, SEED + part)
