"""
What five years of daily windows in twenty accounts cost: 36,500 small data files.

    python benchmarks/many_files.py [--folder /tmp/exp/many_files] [--rounds 3] [--docs]

The files are made once, with few calls each, as an export would have left them. Asked are `cdr
status` and the six main views, every row taken as Arrow, each in processes of their own; then the
dataset is copied, folded by `cdr compact`, and asked again. `--docs` writes the table to docs/.
interval_volume has 28 million rows here: every quarter of an hour of every profile.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from views_speed import MAIN, Lines

from cdr_engine.bench.comparison import machine
from cdr_engine.bench.process import measured

PAGE = Path(__file__).parent.parent / "docs" / "many_files.md"

ASK = """
import sys
from cdr_engine import open_dataset
with open_dataset(sys.argv[2], asked=sys.argv[1]) as dataset:
    for batch in dataset.sql(sys.argv[1]):
        pass
"""

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
DAYS = 1826
ACCOUNTS = tuple(str(13670001 + n) for n in range(20))
CALLS_PER_DAY = 30


def make(dataset: Path) -> None:
    """Write a data file an account and day; without fsync, as nothing here has to last."""
    from cdr_engine.simulator import History
    from cdr_engine.simulator.reports import Reporter
    from cdr_engine.simulator.switches import Switches

    os.fsync = lambda _: None
    history = History(calls_per_day=CALLS_PER_DAY, account_ids=ACCOUNTS)
    for account in history.accounts:
        for start in (FIRST + timedelta(days=n) for n in range(0, DAYS, 30)):
            days = min(30, (FIRST + timedelta(days=DAYS) - start).days)
            end = start + timedelta(days=days)
            lines = Lines(Reporter(history, Switches()), account, start, end)
            write_days(dataset, account.account_id, lines, start, days)
        print(account.account_id, file=sys.stderr, flush=True)


def write_days(dataset: Path, account_id: str, lines: Any, start: datetime, days: int) -> None:
    """Cut a report into days by the calls' enqueue_time, and commit each as a window."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from cdr_engine.columns import calls_schema
    from cdr_engine.dataset import DataFileWriter, Footer, Layout
    from cdr_engine.ledger import Ledger
    from cdr_engine.pipeline import read_csv

    table = pa.Table.from_batches(read_csv(lines, time_zone="UTC").to_batches())
    times = table.column("enqueue_time")
    for n in range(days):
        day = start + timedelta(days=n)
        after = day + timedelta(days=1)
        lower, upper = (pa.scalar(bound, times.type) for bound in (day, after))
        part = table.filter(
            pc.and_(pc.greater_equal(times, lower), pc.less(times, upper))
        ).combine_chunks()
        rows = part.num_rows
        ledger = Ledger(bytes=300 * rows, row_bytes=300 * rows, records=rows, rows=rows)
        footer = Footer(
            source="report",
            account_id=account_id,
            time_zone="UTC",
            sha256=hashlib.sha256(f"{account_id} {day}".encode()).hexdigest(),
            ledger=ledger,
            window_start=day,
            window_end=after,
            proof="chunked",
        )
        with DataFileWriter(Layout(dataset), account_id, calls_schema(())) as writer:
            for batch in part.to_batches():
                writer.write(batch)
            writer.commit(footer)


def ask(dataset: Path, rounds: int, name: str) -> list[str]:
    """Time `cdr status` and each view; gives a line of a table for each."""
    commands = {"cdr status": [sys.executable, "-m", "cdr_engine", "status", "--dataset"]}
    commands |= {view: [sys.executable, "-c", ASK, view] for view in MAIN}
    lines = []
    for what, command in commands.items():
        runs = [measured([*command, str(dataset)]) for _ in range(rounds)]
        wall_s = statistics.median(run.wall_s for run in runs)
        cpu_s = statistics.median(run.cpu_s for run in runs)
        peak = max(run.peak_bytes for run in runs)
        lines.append(f"| {name} | {what} | {wall_s:.2f} | {cpu_s:.2f} | {peak / 1e6:,.0f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def timed(name: str, dataset: Path) -> str:
    """Run a command on a dataset; gives a line of the table."""
    done = measured([sys.executable, "-m", "cdr_engine", name, "--dataset", str(dataset)])
    figures = f"{done.wall_s:.2f} | {done.cpu_s:.2f} | {done.peak_bytes / 1e6:,.0f}"
    print(name, figures, file=sys.stderr, flush=True)
    return f"| | cdr {name} | {figures} |"


def main() -> None:
    """Make what is not there, ask, fold a copy, ask again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/exp/many_files"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--make-only", action="store_true")
    parser.add_argument("--counted-only", action="store_true")
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    daily, folded = options.folder / "daily", options.folder / "folded"
    if not daily.exists():
        make(options.folder / "making")
        (options.folder / "making").rename(daily)
    if options.make_only:
        return
    lines = ["| files | asked | seconds | CPU s | peak MB |", "|---|---|---|---|---|"]
    if not options.counted_only:
        shutil.rmtree(daily / "rollups", ignore_errors=True)
        lines += ask(daily, options.rounds, "36,520 daily")
    lines.append(timed("rollup", daily))
    lines += ask(daily, options.rounds, "36,520 daily, counted")
    if not folded.exists():
        shutil.copytree(daily, folded, ignore=shutil.ignore_patterns("rollups"))
        lines.append(timed("compact", folded))
    lines.append(timed("rollup", folded))
    lines += ask(folded, options.rounds, "1,200 folded, counted")
    where = machine()
    text = (
        f"{where.cores} cores of {where.processor}, Python {where.python}; whole processes, "
        f"medians of {options.rounds}\n\n" + "\n".join(lines) + "\n"
    )
    print(text)
    if options.docs:
        PAGE.write_text(f"# Many small files\n\n{text}\n{__doc__}", "utf-8")


if __name__ == "__main__":
    main()
