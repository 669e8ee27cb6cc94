"""
Exports through every fault: `python tests/campaigns/faults.py COUNT SEED`.

A run exports some windows through one fault that strikes at random places, once or until it ends;
then the fault ends and the export is run until it is done. After each step every committed file is
compared with the simulator's own records. A failure prints the seed of its run.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from exported import Oracle, bounds_of, covers, data_files, leftovers, rows_on_file

from cdr_engine import CdrError, export, verify
from cdr_engine.api import ReportService
from cdr_engine.export import order_of
from cdr_engine.simulator import BYTE_FAULTS, FAULTS, History, Proxy, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "Bench", "Case", "case_of", "run"]

ACCOUNT = "13670001"
CALLS_PER_DAY = 40
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

WHOLE = frozenset({"header-only"})
"""Reports that lack calls and are whole by what they say of themselves: a header without rows."""
KINDS = tuple(sorted({*FAULTS, *BYTE_FAULTS} - WHOLE))

SERVICES = {
    "plain": Switches(stall_s=2),
    "odd": Switches(
        stall_s=2, row_order="shuffled", line_end="\r\n", bom=True, final_newline=False
    ),
    "overlapping": Switches(stall_s=2, overlap_s=3 * 3600),
}
LISTS = "/inputControls"
REPORTS = "/reportsStreaming"

HURRY = {
    "read_timeout_s": 0.2,
    "answer_timeout_s": 0.5,
    "deadline_s": 0.8,
    "min_bytes_per_s": 2000.0,
    "rate_window_s": 0.4,
}
"""Patience while the fault lasts; an export that gives up early is as good as any other."""


@dataclass(frozen=True)
class Case:
    """One run, all of which follows from its seed."""

    seed: int
    kind: str
    service: str
    schedule: str
    target: str
    first: datetime
    days: int
    attempts: int
    """Exports while the fault lasts."""
    jobs: int = 1
    max_attempts: int = 1

    @property
    def end(self) -> datetime:
        """The end of the period."""
        return self.first + self.days * DAY


def case_of(seed: int) -> Case:
    """Draw a case; consecutive seeds go through all kinds."""
    rng = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    is_list = kind in BYTE_FAULTS and rng.random() < 0.1
    schedules = ("{}*", "{}x2") if is_list else ("{}*", "ok,{}*", "ok,{}", "{}x2", "ok,ok,{}*")
    return Case(
        seed=seed,
        kind=kind,
        service=rng.choice(sorted(SERVICES)),
        schedule=rng.choice(schedules).format(kind),
        target=LISTS if is_list else REPORTS,
        first=FIRST_DAY + rng.randrange(300) * DAY,
        days=3,
        attempts=rng.choice([1, 1, 2]),
        jobs=rng.choice([1, 2]),
        max_attempts=rng.choice([1, 1, 2]),
    )


class Bench:
    """The services, each with a proxy in front; started once for all runs."""

    def __init__(self) -> None:
        self.history = History(7, calls_per_day=CALLS_PER_DAY, account_ids=(ACCOUNT,))
        self.oracles = {
            name: Oracle(self.history, switches.overlap_s) for name, switches in SERVICES.items()
        }
        self._running = ExitStack()

    def __enter__(self) -> Self:
        enter = self._running.enter_context
        self.simulators = {
            name: enter(Simulator(self.history, switches)) for name, switches in SERVICES.items()
        }
        self.proxies = {
            name: enter(Proxy(simulator.base_url, stall_s=2, drip_s=0.02))
            for name, simulator in self.simulators.items()
        }
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def begin(self, case: Case) -> None:
        """Let the fault begin."""
        proxy, simulator = self.proxies[case.service], self.simulators[case.service]
        simulator.requests.clear()
        is_proxied = case.kind in BYTE_FAULTS
        proxy.target = case.target
        proxy.set_fault(case.schedule if is_proxied else "", case.seed)
        simulator.set_fault("" if is_proxied else case.schedule)

    def end(self, case: Case) -> int:
        """Let the fault end; gives how often it struck."""
        proxy, simulator = self.proxies[case.service], self.simulators[case.service]
        passed = case.schedule.count("ok")
        struck = (
            len(proxy.struck)
            if case.kind in BYTE_FAULTS
            else max(0, len(simulator.report_requests) - passed)
        )
        proxy.set_fault("")
        simulator.set_fault("")
        return struck

    def base_url(self, case: Case) -> str:
        """Where the export asks."""
        return self.proxies[case.service].base_url


@contextmanager
def hurried() -> Iterator[None]:
    """Shorten limits and pauses, which are arguments of what export calls by itself."""
    limits, pauses = ReportService.__init__.__kwdefaults__, order_of.__kwdefaults__
    assert limits is not None
    assert pauses is not None
    before = dict(limits), dict(pauses)
    limits.update(HURRY)
    pauses.update(first_pause_s=0.02)
    try:
        yield
    finally:
        limits.update(before[0])
        pauses.update(before[1])


def attempt(bench: Bench, case: Case, dataset: Path) -> CdrError | None:
    """Run the export once; gives the error it ended with."""
    token = bench.simulators[case.service].token
    try:
        export(
            dataset,
            base_url=bench.base_url(case),
            token=token,
            start=f"{case.first:%F}",
            end=f"{case.end:%F}",
            accounts=[ACCOUNT],
            window="1d",
            rate_limit="off",
            jobs=case.jobs,
            max_attempts=case.max_attempts,
        )
    except CdrError as error:
        ended: CdrError = error
    else:
        return None
    assert "\n" not in str(ended)
    assert token not in str(ended)
    return ended


def check_files(bench: Bench, case: Case, dataset: Path) -> bool:
    """Compare each data file with what the service sends for its window; tell if all are there."""
    files = data_files(dataset)
    oracle = bench.oracles[case.service]
    seen: Counter[str] = Counter()
    for path in files:
        start, end = bounds_of(path.stem)
        rows, sent = rows_on_file(path), oracle.sent(start, end)
        if case.service != "plain":
            rows.sort(key=lambda row: row["uii"])
            sent = sorted(sent, key=lambda row: row["uii"])
        if case.service == "overlapping":
            there = {row["uii"] for row in rows}
            sent = [row for row in sent if row["uii"] in there]
        assert sent == rows, f"{path.name} is not what the service has for this window"
        seen.update(row["uii"] for row in rows)
    assert not seen or 1 == max(seen.values()), "a call is there twice"
    for path in files:
        missing = {row["uii"] for row in oracle.sent(*bounds_of(path.stem))} - seen.keys()
        assert not missing, f"{len(missing)} calls of {path.name} are nowhere"
    assert [] == leftovers(dataset)
    return covers(dataset, case.first, case.end)


def run(case: Case, bench: Bench) -> Counter[str]:
    """Run one case; gives what happened, AssertionError if it must not."""
    told: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        dataset = Path(folder) / "dataset"
        bench.begin(case)
        with hurried():
            for _ in range(case.attempts):
                error = attempt(bench, case, dataset)
                told[type(error).__name__ if error else "done"] += 1
                is_whole = check_files(bench, case, dataset)
                assert error is not None or is_whole, "done, with windows missing"
        told["struck"] = bench.end(case)
        assert told["struck"], "the fault never struck"
        for _ in range(case.days + 1):
            error = attempt(bench, case, dataset)
            is_whole = check_files(bench, case, dataset)
            if error is None:
                break
        assert error is None, f"the fault is over, and still: {error}"
        assert is_whole, "done, with windows missing"
        assert [] == list(verify(dataset))
    return told


def main(count: int, seed: int) -> int:
    """Run so many cases; gives the number of failures."""
    started = time.monotonic()
    failures = 0
    told: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    with Bench() as bench:
        for number in range(seed, seed + count):
            case = case_of(number)
            try:
                told[case.kind] += run(case, bench)
            except Exception:  # noqa: BLE001 - whatever is raised is the finding
                failures += 1
                sys.stdout.write(f"{case}\n{traceback.format_exc()}\n")
                sys.stdout.flush()
                bench.end(case)
    for kind, found in told.items():
        ends = ", ".join(f"{end} {n}" for end, n in sorted(found.items()) if end != "struck")
        sys.stdout.write(f"{kind:20} struck {found['struck']:5}   {ends}\n")
    spent = time.monotonic() - started
    sys.stdout.write(f"{count} runs from seed {seed}, {failures} failures, {spent:.0f} s\n")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2])) else 0)
