"""
A year in 1, 12 or 365 windows, with 1 or 8 jobs, with and without faults: `year.py COUNT SEED`.

Each way is exported into a dataset of its own until it is done, and read by DuckDB: the hash over
all columns of all rows, in the order of their values, has to be that of the simulator's own
records. Faults are drawn for each run, and strike every few requests until the third export.
A failure prints its run.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import duckdb
from campaigns.faults import KINDS, hurried

from cdr_engine import CdrError, export, verify
from cdr_engine.simulator import BYTE_FAULTS, COLUMN_NAMES, History, Proxy, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["WAYS", "Way", "Year", "content", "way_of"]

ACCOUNT = "13670001"
YEAR = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC)
"""365 days."""
WINDOWS = {1: "7000d", 12: "31d", 365: "1d"}
"""How a year is cut into about so many windows."""
WAYS = tuple(product(WINDOWS, (1, 8), (False, True)))
TIMES = ("enqueue_time", "dequeue_time")
EXPORTS = 12
"""Runs of the command after which an export has to be done."""
FAULTY = 2
"""Runs of the command that faults strike."""


class Way(NamedTuple):
    """One run."""

    seed: int
    windows: int
    jobs: int
    faults: tuple[str, ...]
    """Kinds that follow each other, between requests that pass; empty for none."""

    @property
    def schedule(self) -> str:
        """As the simulator and the proxy read it."""
        return ",".join(f"{kind},ok" for kind in self.faults) + ",ok*"


def way_of(seed: int) -> Way:
    """Draw a run; twelve consecutive seeds are all twelve ways."""
    windows, jobs, is_faulty = WAYS[seed % len(WAYS)]
    rng = random.Random(seed)
    # Bytes that take long to come make a campaign long, and one of each is in the other one.
    kinds = [kind for kind in KINDS if not any(word in kind for word in ("stall", "drip", "slow"))]
    is_proxied = rng.random() < 0.5
    kinds = [kind for kind in kinds if (kind in BYTE_FAULTS) == is_proxied]
    return Way(seed, windows, jobs, tuple(rng.sample(kinds, 4)) if is_faulty else ())


class Year:
    """The service, a proxy in front of it, and what is the truth; started once for all runs."""

    def __init__(self, calls_per_day: float = 30) -> None:
        self.history = History(9, calls_per_day=calls_per_day, account_ids=(ACCOUNT,))
        calls = self.history.calls(ACCOUNT, *YEAR)
        self.truth = content(
            (*(call[name] for name in COLUMN_NAMES), int(ACCOUNT)) for call in calls
        )
        self._running = ExitStack()

    def __enter__(self) -> Self:
        enter = self._running.enter_context
        self.simulator = enter(Simulator(self.history, Switches(stall_s=2)))
        self.proxy = enter(Proxy(self.simulator.base_url, stall_s=2, drip_s=0.02))
        self.proxy.target = "/reportsStreaming"
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def run(self, way: Way) -> int:
        """Run one way; gives how many exports it took, AssertionError if it must not."""
        with tempfile.TemporaryDirectory() as folder:
            dataset = Path(folder) / "dataset"
            for number in range(EXPORTS):
                self._strike(way, is_over=number >= FAULTY)
                if self._export(way, dataset):
                    break
            else:
                raise AssertionError(f"not done after {EXPORTS} exports")
            assert self.truth == content(_rows(dataset)), "other calls than the service has"
            assert [] == list(verify(dataset))
            return number + 1

    def end(self) -> None:
        """Let all faults end."""
        self.proxy.set_fault("")
        self.simulator.set_fault("")

    def _strike(self, way: Way, *, is_over: bool) -> None:
        self.end()
        if way.faults and not is_over:
            source = self.proxy if way.faults[0] in BYTE_FAULTS else self.simulator
            source.set_fault(way.schedule)

    def _export(self, way: Way, dataset: Path) -> bool:
        """Run the export once; tell whether it says that it is done."""
        first, end = YEAR
        with hurried():
            try:
                export(
                    dataset,
                    base_url=self.proxy.base_url,
                    token=self.simulator.token,
                    start=f"{first:%F}",
                    end=f"{end:%F}",
                    accounts=[ACCOUNT],
                    window=WINDOWS[way.windows],
                    rate_limit="off",
                    jobs=way.jobs,
                    max_attempts=2,
                )
            except CdrError:
                return False
        return True


def content(rows: Iterable[tuple[object, ...]]) -> tuple[int, str]:
    """Number of rows, and a hash over all their values, in the order of their text."""
    lines = sorted(repr(row) for row in rows)
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _rows(dataset: Path) -> list[tuple[object, ...]]:
    """What is on file, times in UTC as the simulator tells them."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        columns = ", ".join(
            f"epoch_ms({name})" if name in TIMES else name for name in (*COLUMN_NAMES, "account_id")
        )
        found = con.execute(
            f"select {columns} from read_parquet(?, hive_partitioning = true)",
            [str(dataset / "calls" / "*" / "*.parquet")],
        ).fetchall()
    at = {COLUMN_NAMES.index(name) for name in TIMES}
    return [
        tuple(_moment(value) if index in at else value for index, value in enumerate(row))
        for row in found
    ]


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def main(count: int, seed: int) -> int:
    """Run so many ways; gives the number of failures."""
    started = time.monotonic()
    failures = 0
    with Year() as year:
        for number in range(seed, seed + count):
            way = way_of(number)
            try:
                exports = year.run(way)
            except Exception:  # noqa: BLE001 - whatever is raised is the finding
                failures += 1
                sys.stdout.write(f"{way}\n{traceback.format_exc()}\n")
                year.end()
            else:
                sys.stdout.write(f"{way}: done after {exports}\n")
            sys.stdout.flush()
        said = f"{year.truth[0]:,} calls, {year.truth[1][:16]}"
    spent = time.monotonic() - started
    sys.stdout.write(f"{count} runs from seed {seed}: {said}; {failures} failures, {spent:.0f} s\n")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2])) else 0)
