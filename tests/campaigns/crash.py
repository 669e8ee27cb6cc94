"""
Exports that are killed or whose disk fails: `python tests/campaigns/crash.py COUNT SEED`.

A run starts `cdr export`, or `cdr export --refresh` over windows with and without rejects, and ends
it by SIGKILL after some time or at some system call, or lets a system call fail. Then the command
is run again. What is on file is compared with the simulator's own records after each step, while a
reader counts all the while. A failure prints its case.

Most runs are processes forked from one that has imported the engine already (see `forked`), so that
no time is spent, and no kill lost, on starting Python; some are the command as a user starts it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pyarrow.parquet as pq
from exported import Oracle, Row, bounds_of, data_files, day_name, leftovers, rows_on_file
from forked import Commands
from traced import OTHER, WRITING, Trace, why_not
from watching import Watch

from cdr_engine import verify
from cdr_engine.simulator import History, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Bench", "Case", "Way", "run"]

COMMAND = [sys.executable, "-m", "cdr_engine"]
ACCOUNT = "13670001"
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 3
WINDOWS = tuple(day_name(FIRST + timedelta(days=n)) for n in range(DAYS))

SCENARIOS: dict[str, tuple[str | None, str]] = {
    "new windows": (None, "new, rejects"),
    "rejects replaced": ("old, rejects", "new, rejects"),
    "rejects gone": ("old, rejects", "new"),
    "first rejects": ("old", "new, rejects"),
}
"""What is there before, and what the service sends now."""

Way = Literal["time", "command", "call", "error"]
"""Killed after some time, forked or from the start; killed at a system call; a call that fails."""
WAYS: tuple[Way, ...] = ("time", "call", "call", "error", "time", "call", "error", "command")
UNTRACED: tuple[Way, ...] = ("time", "time", "time", "command")


@dataclass(frozen=True)
class Case:
    """One run."""

    scenario: str
    way: Way
    after_s: float = 0.0
    """Seconds until it is killed."""
    call: str = ""
    when: str = ""
    """At which of the calls, as strace writes it: `3` the third, `3+` from the third on."""
    error: str = ""


class Service:
    """
    A service with one version of the history.

    Parameters
    ----------
    seed
        Of its history.
    quoted
        Whether names with commas are quoted: without, their calls are rejects.
    """

    def __init__(self, seed: int, *, quoted: bool) -> None:
        history = History(seed, calls_per_day=40, account_ids=(ACCOUNT,))
        self.simulator = Simulator(history, Switches(quoted=quoted))
        oracle = Oracle(history)
        calls = {name: oracle.between(*bounds_of(name)) for name in WINDOWS}
        self.rows = {
            name: [call for call in found if quoted or not _has_comma(call)]
            for name, found in calls.items()
        }
        self.rejected = {
            name: [call["uii"] for call in found if not quoted and _has_comma(call)]
            for name, found in calls.items()
        }

    def ids(self, name: str) -> tuple[str, ...]:
        """The calls of a window that are on file, in their order."""
        return tuple(row["uii"] for row in self.rows[name])


def _has_comma(call: Row) -> bool:
    return any("," in value for value in call.values() if isinstance(value, str))


class Bench:
    """Services, a source of processes, and what an undisturbed run does; started once."""

    def __init__(self) -> None:
        self.services = {
            "old": Service(7, quoted=True),
            "old, rejects": Service(7, quoted=False),
            "new": Service(8, quoted=True),
            "new, rejects": Service(8, quoted=False),
        }
        self.known_points: dict[str, dict[str, int]] = {}
        self._seconds: dict[str, float] = {}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        enter = self._running.enter_context
        self.folder = Path(enter(tempfile.TemporaryDirectory()))
        for service in self.services.values():
            enter(service.simulator)
        token = self.services["old"].simulator.token
        self.environment = os.environ | {"CDR_ENGAGE_TOKEN": token}
        self.commands = enter(Commands(self.folder, self.environment))
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def prepared(self, scenario: str) -> Path:
        """Make the dataset that a scenario begins with."""
        before, _ = SCENARIOS[scenario]
        dataset = self.folder / "dataset"
        shutil.rmtree(dataset, ignore_errors=True)
        if before is not None:
            kept = self.folder / before
            if not kept.exists():
                self.commands.succeed(self.export(before, kept))
            shutil.copytree(kept, dataset)
        return dataset

    def export(self, service: str, dataset: Path, *, refresh: bool = False) -> list[str]:
        """Give the arguments of an export."""
        found: list[str] = ["export", "--dataset", str(dataset), "--account", ACCOUNT]
        found += ["--base-url", self.services[service].simulator.base_url]
        found += ["--start", f"{FIRST:%Y-%m-%d}", "--end", f"{FIRST + timedelta(days=DAYS):%F}"]
        found += ["--window", "1d", "--rate-limit", "off"]
        return [*found, "--refresh"] if refresh else found

    def first_run(self, scenario: str, dataset: Path) -> list[str]:
        """Give the arguments of the export that is to be ended."""
        before, now = SCENARIOS[scenario]
        return self.export(now, dataset, refresh=before is not None)

    def seconds(self, scenario: str) -> float:
        """Tell what an undisturbed run takes."""
        if scenario not in self._seconds:
            arguments = self.first_run(scenario, self.prepared(scenario))
            began = time.monotonic()
            self.commands.succeed(arguments)
            self._seconds[scenario] = time.monotonic() - began
        return self._seconds[scenario]

    def start_seconds(self) -> float:
        """Tell what it takes to start Python and import the engine."""
        if "start" not in self._seconds:
            began = time.monotonic()
            subprocess.run([*COMMAND, "--help"], stdout=subprocess.DEVNULL, check=True)
            self._seconds["start"] = time.monotonic() - began
        return self._seconds["start"]

    def points(self, scenario: str) -> dict[str, int]:
        """Tell how often an undisturbed run makes each system call."""
        if scenario not in self.known_points:
            arguments = self.first_run(scenario, self.prepared(scenario))
            pid = self.commands.hold(arguments)
            trace = Trace(pid, (*WRITING, *OTHER), log=self.folder / "calls.log")
            self.commands.go()
            assert 0 == self.commands.wait(), self.commands.said
            trace.wait()
            self.known_points[scenario] = trace.counts()
        return self.known_points[scenario]

    def cases(self, count: int, seed: int, ways: tuple[Way, ...]) -> Iterator[Case]:
        """Draw cases: ways and scenarios in turn, times and calls by chance."""
        rng = random.Random(seed)
        for number in range(count):
            way = ways[number % len(ways)]
            scenario = rng.choice(list(SCENARIOS))
            if way in {"time", "command"}:
                longest = self.seconds(scenario)
                longest += self.start_seconds() if way == "command" else 0.0
                yield Case(scenario, way, after_s=rng.uniform(0, 1.1 * longest))
                continue
            points = self.points(scenario)
            known = [name for name in points if way == "call" or name in WRITING]
            call = rng.choice(sorted(known))
            nth = str(rng.randint(1, points[call]))
            if way == "call":
                yield Case(scenario, way, call=call, when=nth)
            else:
                onward = rng.choice(["", "+"])
                error = rng.choice(["EIO", "ENOSPC", "EDQUOT"])
                yield Case(scenario, way, call=call, when=nth + onward, error=error)


def versions_on_file(bench: Bench, case: Case, dataset: Path) -> dict[str, str]:
    """Tell of each window which version of it is on file, row for row."""
    found: dict[str, str] = {}
    for path in data_files(dataset):
        rows = rows_on_file(path)
        whose = [
            name for name in SCENARIOS[case.scenario] if name and rows == _rows(bench, name, path)
        ]
        assert whose, f"{path.name} is no window of either version"
        found[path.stem] = whose[-1]
    return found


def _rows(bench: Bench, service: str, path: Path) -> list[Row]:
    return bench.services[service].rows[path.stem]


def check_rejects(bench: Bench, dataset: Path, versions: dict[str, str]) -> None:
    """Compare the rejects of each window with those of the version that is on file."""
    folder = dataset / "rejects" / f"account_id={ACCOUNT}"
    names = {path.stem for path in folder.glob("*.parquet")}
    for name, version in versions.items():
        listed: list[str] = []
        if name in names:
            with pq.ParquetFile(folder / f"{name}.parquet") as file:
                listed = [
                    raw.split(b",'")[1][:30].decode() for raw in file.read()["raw"].to_pylist()
                ]
        expected = bench.services[version].rejected[name]
        assert expected == listed, f"rejects beside {version!r} calls of {name} are not its own"
    assert names <= versions.keys(), "rejects without their calls"


def disturb(bench: Bench, case: Case, arguments: list[str]) -> int:
    """Run the command as the case says; gives its exit code."""
    if case.way == "command":
        with subprocess.Popen(
            [*COMMAND, *arguments],
            env=bench.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(case.after_s)
            process.kill()
            return process.wait()
    pid = bench.commands.hold(arguments)
    if case.way == "time":
        bench.commands.go()
        time.sleep(case.after_s)
        os.kill(pid, signal.SIGKILL)
        return bench.commands.wait()
    effect = f"error={case.error}" if case.error else "signal=KILL"
    trace = Trace(pid, (case.call,), injection=f"{effect}:when={case.when}")
    bench.commands.go()
    code = bench.commands.wait()
    trace.wait()
    return code


def check_failure(bench: Bench, case: Case, dataset: Path, code: int, said: str) -> None:
    """Check what a failing system call leads to: an error by name, and whole windows."""
    versions = versions_on_file(bench, case, dataset)
    assert code >= 0, f"ended by signal {-code}"
    assert "Traceback" not in said, said
    if code == 0:
        assert dict.fromkeys(WINDOWS, SCENARIOS[case.scenario][1]) == versions
    if not case.when.endswith("+") and case.call != "unlink":
        check_rejects(bench, dataset, versions)
        assert [] == leftovers(dataset)


def run(case: Case, bench: Bench) -> Counter[str]:
    """Run one case; gives what happened, AssertionError if it must not."""
    before, now = SCENARIOS[case.scenario]
    dataset = bench.prepared(case.scenario)
    both = [bench.services[name] for name in (before, now) if name]
    allowed = {name: [service.ids(name) for service in both] for name in WINDOWS}
    with Watch(dataset, allowed, must_stay=before is not None) as watch:
        code = disturb(bench, case, bench.first_run(case.scenario, dataset))
        said = bench.commands.said if case.way == "error" else ""
        versions_on_file(bench, case, dataset)
        if case.way == "error":
            check_failure(bench, case, dataset, code, said)
        bench.commands.succeed(bench.export(now, dataset))
        versions = versions_on_file(bench, case, dataset)
        assert set(WINDOWS) == versions.keys(), "windows are missing"
        check_rejects(bench, dataset, versions)
        assert [] == leftovers(dataset)
        assert [] == list(verify(dataset))
        if before is not None:
            bench.commands.succeed(bench.export(now, dataset, refresh=True))
        versions = versions_on_file(bench, case, dataset)
        assert dict.fromkeys(WINDOWS, now) == versions
        check_rejects(bench, dataset, versions)
        assert [] == leftovers(dataset)
    end = {0: "done before", -signal.SIGKILL: "killed"}.get(code, f"exit {code}")
    return Counter({end: 1, "looks": watch.looks, "refused": watch.refused})


def main(count: int, seed: int) -> int:
    """Run so many cases; gives the number of failures."""
    began = time.monotonic()
    failures = 0
    if why_not():
        sys.stdout.write(f"only kills by time: {why_not()}\n")
    told: dict[str, Counter[str]] = {}
    with Bench() as bench:
        for case in bench.cases(count, seed, UNTRACED if why_not() else WAYS):
            try:
                told.setdefault(case.way, Counter()).update(run(case, bench))
            except Exception:  # noqa: BLE001 - whatever is raised is the finding
                failures += 1
                sys.stdout.write(f"{case}\n{traceback.format_exc()}\n")
                sys.stdout.flush()
    for scenario, points in bench.known_points.items():
        sys.stdout.write(f"{scenario}: {sum(points.values())} system calls {points}\n")
    for way, found in told.items():
        sys.stdout.write(f"{way:6} {dict(found)}\n")
    spent = time.monotonic() - began
    sys.stdout.write(f"{count} runs from seed {seed}, {failures} failures, {spent:.0f} s\n")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2])) else 0)
