"""
What the engine promises of size: time in step with rows, memory that does not grow with them.

    python benchmarks/scale.py linear [--rows 1000000 10000000] [--rounds 5] [--docs]
    python benchmarks/scale.py memory [--rows 2000000 20000000 35000000] [--docs]

`linear` loads files of both sizes in turns. Seconds are those of the whole process, less those of
one that loads a single call, so that what it takes to start does not flatter the large file.
`memory` pipes reports of each size into `cdr ingest -`, so that no disk has to hold them, and takes
the largest resident set of the whole process. Two million calls are some 580 MB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import calls_csv

from cdr_engine.bench.comparison import machine
from cdr_engine.bench.process import Usage, measured

PAGE = Path(__file__).parent.parent / "docs" / "scale.md"
ALLOWED_SLOPE = 1.10
ALLOWED_GROWTH = 1.10
ALLOWED_BYTES = 300_000_000


class Load(NamedTuple):
    """One process: what it took, and what its data file says."""

    usage: Usage
    rows: int
    body_bytes: int


def load(rows: int, source: Path | None = None) -> Load:
    """Ingest a file, or a stream where there is none, into a new dataset."""
    with tempfile.TemporaryDirectory() as dataset:
        command = [sys.executable, "-m", "cdr_engine", "ingest", str(source or "-"), "--json"]
        command += ["--dataset", dataset, "--time-zone", calls_csv.ZONE]
        usage = measured(command, feed=None if source else calls_csv.pieces(rows))
    (file,) = json.loads(usage.output)["files"]
    ledger = file["ledger"]
    if ledger["rows"] != rows:
        raise SystemExit(f"{ledger['rows']} of {rows} rows arrived")
    return Load(usage, rows, ledger["bytes"])


def linear(sizes: list[int], rounds: int) -> tuple[str, bool]:
    """Time per row at each size, and whether the last is in step with the first."""
    loads: dict[int, list[Load]] = {rows: [] for rows in [1, *sizes]}
    with tempfile.TemporaryDirectory() as folder:
        for rows in loads:
            calls_csv.write(Path(folder, f"{rows}.csv"), rows)
        for number in range(rounds):
            for rows, found in loads.items():
                found.append(load(rows, Path(folder, f"{rows}.csv")))
                said = f"round {number} {rows:,} rows: {found[-1].usage.wall_s:.2f} s"
                print(said, file=sys.stderr, flush=True)
    start = statistics.median(one.usage.wall_s for one in loads[1])
    start_cpu = statistics.median(one.usage.cpu_s for one in loads.pop(1))
    wall = {n: (statistics.median(one.usage.wall_s for one in loads[n]) - start) / n for n in sizes}
    cpu = {
        n: (statistics.median(one.usage.cpu_s for one in loads[n]) - start_cpu) / n for n in sizes
    }
    lines = [
        "| rows | seconds | µs a row | ratio | CPU µs a row | ratio |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {n:,} | {wall[n] * n:.2f} | {wall[n] * 1e6:.3f} | {wall[n] / wall[sizes[0]]:.3f} "
        f"| {cpu[n] * 1e6:.3f} | {cpu[n] / cpu[sizes[0]]:.3f} |"
        for n in sizes
    ]
    is_kept = wall[sizes[-1]] <= ALLOWED_SLOPE * wall[sizes[0]]
    lines += ["", f"Medians of {rounds}. {verdict(is_kept=is_kept)} at most {ALLOWED_SLOPE:.2f}."]
    return "\n".join(lines) + "\n", is_kept


def memory(sizes: list[int]) -> tuple[str, bool]:
    """Peak memory at each size, and whether it is low and flat."""
    loads = []
    for rows in sizes:
        loads.append(load(rows))
        said = f"{rows:,} rows: peak {loads[-1].usage.peak_bytes / 1e6:.0f} MB"
        print(said, file=sys.stderr, flush=True)
    peaks = [one.usage.peak_bytes for one in loads]
    lines = ["| rows | GB of CSV | peak MB | ratio |", "|---|---|---|---|"]
    lines += [
        f"| {one.rows:,} | {one.body_bytes / 1e9:.2f} | {peak / 1e6:.0f} | {peak / peaks[0]:.3f} |"
        for one, peak in zip(loads, peaks, strict=True)
    ]
    is_kept = max(peaks) <= min(ALLOWED_BYTES, ALLOWED_GROWTH * peaks[0])
    allowed = f"at most {ALLOWED_BYTES / 1e6:.0f} MB and {ALLOWED_GROWTH:.2f} of the first"
    lines += ["", f"One run each. {verdict(is_kept=is_kept)} {allowed}."]
    return "\n".join(lines) + "\n", is_kept


def verdict(*, is_kept: bool) -> str:
    """Say how it ended."""
    return "Kept:" if is_kept else "Broken:"


def main() -> int:
    """Measure one promise, print, perhaps keep the table; exit 1 if it is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("promise", choices=["linear", "memory"])
    parser.add_argument("--rows", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    if options.promise == "linear":
        title = "Time per row"
        text, is_kept = linear(options.rows or [1_000_000, 10_000_000], options.rounds)
    else:
        title = "Peak memory of the whole process"
        text, is_kept = memory(options.rows or [2_000_000, 20_000_000, 35_000_000])
    where = machine()
    text = f"{where.cores} cores of {where.processor}, Python {where.python}\n\n{text}"
    print(text)
    if options.docs:
        keep(title, text)
    return 0 if is_kept else 1


def keep(title: str, text: str) -> None:
    """Put a section into the page, or replace it there."""
    page = PAGE.read_text("utf-8") if PAGE.exists() else f"# Size\n\n{__doc__.strip()}\n"
    head, *sections = page.split("\n## ")
    kept = [section.strip() for section in sections if not section.startswith(f"{title}\n")]
    kept = sorted([*kept, f"{title}\n\n{text.strip()}"])
    PAGE.write_text("\n## ".join([f"{head.strip()}\n", *[f"{one}\n" for one in kept]]), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
