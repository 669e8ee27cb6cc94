"""
How fast a report becomes normalised Parquet, beside the fastest general readers.

    python benchmarks/load_speed.py [--rows 2000000] [--rounds 5] [--docs]

Every library loads the same file, each in a process of its own, one after the other, round after
round, so that what the machine does besides falls on all alike. Medians and ratios are what counts.
`--docs` writes the table and its picture to docs/.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import calls_csv
import duckdb
from peers import PEERS

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
OURS = "cdr_engine"


class Run(NamedTuple):
    """One process: seconds on the wall and on the processors, peak memory, bytes written."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    size_mb: float


def run(peer: str, source: Path, target: Path) -> Run:
    """Load the file once in a new process."""
    target.unlink(missing_ok=True)
    started = time.perf_counter()
    script = str(HERE / "peers.py")
    process = os.posix_spawn(
        sys.executable, [sys.executable, script, peer, str(source), str(target)], os.environ
    )
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - started
    if status:
        raise SystemExit(f"{peer} failed")
    peak_mb = usage.ru_maxrss / 1e3
    return Run(wall_s, usage.ru_utime + usage.ru_stime, peak_mb, target.stat().st_size / 1e6)


def check_same(ours: Path, theirs: Path) -> None:
    """Compare all rows: the peer must have done the same work."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    columns = [row[0] for row in con.execute(f"describe from '{ours}'").fetchall()]
    kinds = {row[0]: row[1] for row in con.execute(f"describe from '{ours}'").fetchall()}
    select = ", ".join(f"{name}::{kinds[name]} as {name}" for name in columns)
    for one, other in ((ours, theirs), (theirs, ours)):
        query = f"from (select {select} from '{one}' except all select {select} from '{other}')"
        (count,) = con.execute(f"select count(*) {query}").fetchone()
        if count:
            (example,) = con.execute(f"{query} limit 1").fetchall()
            raise SystemExit(f"{one.name} has {count} rows that {other.name} has not: {example}")


def table(runs: dict[str, list[Run]], source: Path) -> str:
    """Medians, and how many times as long as ours each took."""
    megabytes = source.stat().st_size / 1e6
    medians = {
        peer: Run(*(statistics.median(column) for column in zip(*found, strict=True)))
        for peer, found in runs.items()
    }
    ours = medians[OURS]
    lines = [
        "| reader | version | ratio | seconds (min to max) | MB/s | CPU s | peak MB | MB out |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for peer, median in sorted(medians.items(), key=lambda item: item[1].wall_s):
        walls = [one.wall_s for one in runs[peer]]
        name = peer.replace("_", "-")
        lines.append(
            f"| {peer} | {version(name)} | {median.wall_s / ours.wall_s:.2f} "
            f"| {median.wall_s:.2f} ({min(walls):.2f} to {max(walls):.2f}) "
            f"| {megabytes / median.wall_s:,.0f} | {median.cpu_s:.2f} "
            f"| {median.peak_mb:,.0f} | {median.size_mb:.1f} |"
        )
    return "\n".join(lines) + "\n"


def picture(runs: dict[str, list[Run]]) -> str:
    """The medians as bars, in SVG."""
    import vl_convert

    bars = [
        {"reader": peer, "seconds": statistics.median(one.wall_s for one in found)}
        for peer, found in runs.items()
    ]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "data": {"values": bars},
        "encoding": {
            "y": {"field": "reader", "type": "nominal", "sort": "x", "title": None},
            "x": {"field": "seconds", "type": "quantitative", "title": "seconds, median"},
        },
        "layer": [
            {
                "mark": "bar",
                "encoding": {
                    "color": {
                        "condition": {"test": f"datum.reader == '{OURS}'", "value": "#c2410c"},
                        "value": "#94a3b8",
                    }
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 4},
                "encoding": {"text": {"field": "seconds", "format": ".2f"}},
            },
        ],
    }
    return str(vl_convert.vegalite_to_svg(spec))


def main() -> None:
    """Make the file, run everybody in turn, print and perhaps keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", default=list(PEERS))
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "calls.csv"
        calls_csv.write(source, options.rows)
        targets = {peer: Path(folder) / f"{peer}.parquet" for peer in options.peers}
        runs: dict[str, list[Run]] = {peer: [] for peer in options.peers}
        for number in range(options.rounds + 1):
            for peer in options.peers:
                one = run(peer, source, targets[peer])
                if number:  # the first round warms the page cache and the disk
                    runs[peer].append(one)
                print(f"round {number} {peer}: {one.wall_s:.2f} s", file=sys.stderr, flush=True)
        for peer in options.peers:
            check_same(targets[OURS], targets[peer])
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        size_mb = source.stat().st_size / 1e6
        head = f"{options.rows:,} calls, {size_mb:,.0f} MB of CSV; {machine}; "
        head += f"{options.rounds} rounds\n\n"
        text = head + table(runs, source)
        print(text)
        if options.docs:
            (DOCS / "load_speed.svg").write_text(picture(runs), "utf-8")
            page = (
                f"# Loading a report\n\n{text}\n![seconds by reader](load_speed.svg)\n\n{__doc__}"
            )
            (DOCS / "load_speed.md").write_text(page, "utf-8")


if __name__ == "__main__":
    main()
