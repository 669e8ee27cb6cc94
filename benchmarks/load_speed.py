"""
How fast a report becomes normalised Parquet, beside the fastest general readers.

    python benchmarks/load_speed.py [--rows 2000000] [--rounds 5] [--docs]

Every library loads the same file, each in a process of its own, one after the other, round after
round, so that what the machine does besides falls on all alike. Medians and ratios are what counts.
`--docs` writes the table and its picture to docs/.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import calls_csv
import duckdb

from cdr_engine.bench.comparison import OURS, Comparison, ReaderTime, machine
from cdr_engine.bench.peers import PEERS

DOCS = Path(__file__).parent.parent / "docs"


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


def table(times: list[ReaderTime]) -> str:
    """Medians, and how many times as long as ours each took."""
    lines = [
        "| reader | version | ratio | seconds (min to max) | MB/s | CPU s | peak MB | MB out |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.reader} | {one.version} | {one.ratio:.2f} "
        f"| {one.wall_s:.2f} ({one.fastest_s:.2f} to {one.slowest_s:.2f}) "
        f"| {one.bytes_per_s / 1e6:,.0f} | {one.cpu_s:.2f} "
        f"| {one.peak_bytes / 1e6:,.0f} | {one.parquet_bytes / 1e6:.1f} |"
        for one in times
    ]
    return "\n".join(lines) + "\n"


def picture(times: list[ReaderTime]) -> str:
    """The medians as bars, in SVG."""
    import vl_convert

    bars = [{"reader": one.reader, "seconds": one.wall_s} for one in times]
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "calls.csv"
        calls_csv.write(source, options.rows)
        comparison = Comparison([source], calls_csv.ZONE, folder, readers=options.peers, said=tell)
        for number in range(options.rounds + 1):
            comparison.run(is_counted=number > 0)  # the first warms the page cache and the disk
        if comparison.left_out:
            raise SystemExit(f"left out: {comparison.left_out}")
        for peer in options.peers:
            check_same(comparison.target(OURS), comparison.target(peer))
        times = comparison.times()
        where = machine()
        text = (
            f"{options.rows:,} calls, {source.stat().st_size / 1e6:,.0f} MB of CSV; "
            f"{where.cores} cores of {where.processor}, Python {where.python}; "
            f"{options.rounds} rounds\n\n{table(times)}"
        )
        print(text)
        if options.docs:
            (DOCS / "load_speed.svg").write_text(picture(times), "utf-8")
            page = (
                f"# Loading a report\n\n{text}\n![seconds by reader](load_speed.svg)\n\n{__doc__}"
            )
            (DOCS / "load_speed.md").write_text(page, "utf-8")


def tell(text: str) -> None:
    """Say how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
