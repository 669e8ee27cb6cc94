"""
What bad rows cost: a report in which every hundredth row is bad, beside the same one without.

    python benchmarks/bad_rows.py [--rows 500000] [--rounds 5] [--every 100]

The bad rows take turns: wrong field count, bad integer cell, invalid UTF-8, no uii, stray quote.
Both files are loaded into a dataset in turn, each time in a process of its own; medians of the
time on the wall and on the processors, and the clean file's time over the other's, are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import calls_csv

COUNT = 34
UII, QUEUE_TIME, NAME, STATE = 2, 15, 1, 16


class Run(NamedTuple):
    """One load: seconds on the wall and on the processors, and the peak of its memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def spoilt(row: bytes, turn: int) -> bytes:
    """Spoil one row in the way whose turn it is."""
    cells = row.split(b",")
    if turn % 5 == 0:
        return b",".join(cells[: COUNT // 2]) + b"\n"
    column, cell = (
        (QUEUE_TIME, b"soon"),
        (NAME, b"Z\xfcrich"),
        (UII, b""),
        (STATE, b'"COMPLETE'),
    )[turn % 5 - 1]
    cells[column] = cell
    return b",".join(cells)


def spoil(clean: Path, bad: Path, every: int) -> None:
    """Write a copy of a report in which every so manieth row is bad."""
    with clean.open("rb") as rows, bad.open("wb") as out:
        out.write(next(rows))
        for number, row in enumerate(rows, start=1):
            out.write(row if number % every else spoilt(row, number // every))


def load(source: Path) -> Run:
    """Ingest a file into a dataset of its own, in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "cdr_engine", "ingest", str(source)),
            *("--dataset", f"{folder}/dataset", "--time-zone", calls_csv.ZONE, "--json"),
        ]
        started = time.perf_counter()
        quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
        process = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
        _, status, usage = os.wait4(process, 0)
        wall_s = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in (0, 5):
        raise SystemExit(f"{source.name}: the load failed")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3)


def main() -> None:
    """Load both files round after round and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--every", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clean, bad = Path(folder) / "clean.csv", Path(folder) / "bad.csv"
        calls_csv.write(clean, options.rows)
        spoil(clean, bad, options.every)
        runs: dict[Path, list[Run]] = {clean: [], bad: []}
        for number in range(options.rounds + 1):
            for source, found in runs.items():
                one = load(source)
                if number:  # the first round warms the page cache
                    found.append(one)
        medians = {}
        for source, found in runs.items():
            median = Run(*(statistics.median(column) for column in zip(*found, strict=True)))
            medians[source] = median
            print(
                f"{source.stem:6} {source.stat().st_size / 1e6 / median.wall_s:6.0f} MB/s "
                f"{median.wall_s:6.2f} s wall {median.cpu_s:6.2f} s CPU {median.peak_mb:5.0f} MB"
            )
    print(f"one row in {options.every} bad, of {options.rows}:")
    print(f"  wall ratio {medians[clean].wall_s / medians[bad].wall_s:.2f}")
    print(f"  CPU ratio  {medians[clean].cpu_s / medians[bad].cpu_s:.2f}")


if __name__ == "__main__":
    main()
