"""
What five years of daily windows in twenty accounts cost: 36,500 small data files.

    python benchmarks/many_files.py [--folder /tmp/exp/many_files] [--rounds 3]

The files are made once, with few calls each, as an export would have left them. Asked are `cdr
status`, and the six main views through `cdr query`, each in processes of their own; then the
dataset is copied, folded by `cdr compact`, and asked again.
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

from cdr_engine.bench.process import measured

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


def ask(dataset: Path, rounds: int, name: str) -> None:
    """Time each command; prints a line of a table a command."""
    commands = [("status", ["status"])] + [
        (view, ["query", view, "-o", "/dev/null", "--format", "csv"]) for view in MAIN
    ]
    for what, command in commands:
        line = [sys.executable, "-m", "cdr_engine", *command, "--dataset", str(dataset)]
        runs = [measured(line) for _ in range(rounds)]
        wall, cpu = (
            statistics.median(times)
            for times in zip(*((run.wall_s, run.cpu_s) for run in runs), strict=True)
        )
        peak = max(run.peak_bytes for run in runs)
        print(f"| {name} | {what} | {wall:.2f} | {cpu:.2f} | {peak / 1e6:,.0f} |", flush=True)


def main() -> None:
    """Make what is not there, ask, fold a copy, ask again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/exp/many_files"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--make-only", action="store_true")
    options = parser.parse_args()
    daily, folded = options.folder / "daily", options.folder / "folded"
    if not daily.exists():
        make(options.folder / "making")
        (options.folder / "making").rename(daily)
    if options.make_only:
        return
    print("| files | command | seconds | CPU s | peak MB |\n|---|---|---|---|---|")
    ask(daily, options.rounds, "daily")
    if not folded.exists():
        shutil.copytree(daily, folded)
    compact = [sys.executable, "-m", "cdr_engine", "compact", "--dataset", str(folded)]
    print(f"| daily | compact | {measured(compact).wall_s:.2f} | | |", flush=True)
    ask(folded, options.rounds, "folded")


if __name__ == "__main__":
    main()
