"""
How fast the views answer, at one, ten and a hundred million calls.

    python benchmarks/views_speed.py [--millions 1 10] [--rounds 5] [--views NAME ...] [--docs]

The datasets are a year of the simulator's two accounts with more or fewer calls a day, loaded month
by month as an export loads them; they are made once and kept in `--folder`. Each is asked as it is,
and, as a second dataset of the same files, with what `cdr rollup` keeps. Each view is asked in a
process of its own, so that its peak memory is its own: the dataset is opened once, then every row
of the answer is taken as Arrow, `--rounds` times. Medians and ratios are what counts. `month` is
the same view with `--start` and `--end` around one of the twelve months. `view_peers.py` asks one
of them of the CSV by DuckDB and of plain Parquet by Polars. `--docs` writes the tables to docs/.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import resource
import shutil
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import view_peers

from cdr_engine.bench.comparison import machine
from cdr_engine.bench.process import measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = Path(__file__).parent.parent / "docs" / "view_speed.md"
MONTHS = [datetime(2025, 1 + n, 1, tzinfo=UTC) for n in range(12)] + [
    datetime(2026, 1, 1, tzinfo=UTC)
]
DAYS = 365
CALLS_UP_TO = 10
"""Million calls that are asked with nothing kept, and of peers: a hundred are 29 GB of CSV."""
ZONE = "America/New_York"
PERIOD = ("2025-06-01", "2025-07-01")
MAIN = (
    "abandonment",
    "answer_speed",
    "attempt_dispositions",
    "connect_rate_by_profile",
    "destination_answer_rate",
    "interval_volume",
)
"""The six views that answer within a second at a hundred million calls."""


class Lines:
    """The simulator's report of one account and window, as the body of a load."""

    proof = "file"

    def __init__(self, reporter: Any, account: Any, start: datetime, end: datetime) -> None:
        from cdr_engine.simulator.criteria import Report

        first_s, last_s = int(start.timestamp()), int(end.timestamp()) - 1
        report = Report((account,), first_s, last_s, "UTC", ",", None, None)
        self._parts = reporter.parts(report)
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._digest.update(part)
            yield bytes(part)

    @property
    def sha256(self) -> str:
        """Of the body, as hexadecimal digits."""
        return self._digest.hexdigest()


def make(dataset: Path, calls: int) -> None:
    """Load a year of two accounts that has about so many calls."""
    from cdr_engine.dataset import Layout
    from cdr_engine.pipeline import Observer, Origin, load
    from cdr_engine.simulator import History
    from cdr_engine.simulator.reports import Reporter
    from cdr_engine.simulator.switches import Switches
    from cdr_engine.windows import Window

    history = History(calls_per_day=calls / DAYS / 2)
    for account in history.accounts:
        for start, end in itertools.pairwise(MONTHS):
            window = Window(start, end)
            layout = Layout(dataset)
            if layout.place(account.account_id, window.name).calls.exists():
                continue
            origin = Origin("report", account.account_id, "UTC", window=window)
            body = Lines(Reporter(history, Switches()), account, start, end)
            file = load(body, layout, origin, held=(), observer=Observer())
            assert file is not None
            tell(f"{dataset.name}: {account.account_id} {window.name} {file.footer.ledger.rows:,}")


class Answer(NamedTuple):
    """One view of one dataset: medians over the rounds."""

    view: str
    scope: str
    """`all`, or `month`."""
    rows: int
    open_s: float
    first_s: float
    """The first answer, by itself: what a command waits for, besides opening."""
    wall_s: float
    cpu_s: float
    peak_bytes: int
    """Of the whole process."""


def ask(dataset: Path, view: str, scope: str, rounds: int) -> Answer:
    """Ask so many times in this process; prints nothing."""
    from cdr_engine import open_dataset

    start, end = PERIOD if scope == "month" else (None, None)
    walls, cpus, rows = [], [], 0
    began = time.perf_counter()
    with open_dataset(dataset, time_zone=ZONE, start=start, end=end) as opened:
        open_s = time.perf_counter() - began
        for _ in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            rows = sum(batch.num_rows for batch in opened.sql(view))
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Answer(
        view, scope, rows, open_s, walls[0], statistics.median(walls), statistics.median(cpus), peak
    )


def asked(dataset: Path, view: str, scope: str, rounds: int) -> Answer:
    """Ask in a process of its own."""
    command = [sys.executable, __file__, "--ask", str(dataset), view, scope]
    found = measured([*command, "--rounds", str(rounds)])
    answer = Answer(*json.loads(found.output))._replace(peak_bytes=found.peak_bytes)
    tell(
        f"{dataset.name} {view} {scope}: {answer.wall_s:.3f} s, cpu {answer.cpu_s:.3f} s, "
        f"{answer.rows:,} rows, {answer.peak_bytes / 1e6:,.0f} MB"
    )
    return answer


def public_views() -> list[str]:
    """Every view that is meant for users, the six main ones first."""
    from cdr_engine.views import catalogue

    names = [view.name for view in catalogue() if view.is_public]
    return sorted(names, key=lambda name: (name not in MAIN, name))


def kept(dataset: Path, flags: Sequence[str]) -> tuple[Path, str]:
    """Link the files of a dataset into another, and roll that up; gives it and what that took."""
    rolled = dataset.with_name(f"{dataset.name}_counted")
    if not rolled.exists():
        shutil.copytree(dataset / "calls", rolled / "calls", copy_function=os.link)
    shutil.rmtree(rolled / "rollups", ignore_errors=True)
    command = [sys.executable, "-m", "cdr_engine", "rollup", "--time-zone", ZONE, *flags]
    took = measured([*command, "--dataset", str(rolled)])
    size = sum(path.stat().st_size for path in rolled.glob("rollups/*/*.parquet"))
    tell(f"{rolled.name}: {took.wall_s:.0f} s")
    return rolled, (
        f"`{' '.join(['cdr rollup', *flags])}`: {took.wall_s:.0f} s, {took.cpu_s:.0f} of CPU, "
        f"{took.peak_bytes / 1e6:,.0f} MB at its peak, {size / 1e6:,.0f} MB kept."
    )


def table(answers: dict[tuple[str, str, str], Answer]) -> str:
    """A row a view: from what is kept where it can be, and from the calls."""
    four = "seconds | CPU s | peak MB | a month: s"
    lines = [
        f"| view | rows | kept by cdr rollup: {four} | from the calls: {four} |",
        "|---" * 10 + "|",
    ]
    for name in dict.fromkeys(view for _, view, _ in answers):
        rows = next(one.rows for (_, view, _), one in answers.items() if view == name)
        cells = [name, f"{rows:,}", *figures(answers, "kept", name)]
        lines.append(f"| {' | '.join([*cells, *figures(answers, 'calls', name)])} |")
    return "\n".join(lines) + "\n"


def figures(answers: dict[tuple[str, str, str], Answer], kind: str, view: str) -> list[str]:
    """Four cells of a table."""
    whole, month = (answers.get((kind, view, scope)) for scope in ("all", "month"))
    if whole is None or month is None:
        return ["-"] * 4
    peak = f"{whole.peak_bytes / 1e6:,.0f}"
    return [f"{whole.wall_s:.3f}", f"{whole.cpu_s:.2f}", peak, f"{month.wall_s:.3f}"]


def main() -> None:
    """Make what is not there, ask every view, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/exp"))
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--views", nargs="+")
    parser.add_argument("--make-only", action="store_true")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        dataset, view, scope = options.ask
        print(json.dumps(ask(Path(dataset), view, scope, options.rounds)))
        return
    text = ""
    for millions in options.millions:
        dataset = options.folder / f"views_{millions}m"
        make(dataset, millions * 1_000_000)
        if not options.make_only:
            text += section(dataset, millions, options)
    where = machine()
    text = (
        f"{where.cores} cores of {where.processor}, Python {where.python}; "
        f"medians of {options.rounds}\n\n{text}"
    )
    print(text)
    if options.docs:
        PAGE.write_text(f"# How fast the views answer\n\n{text}\n{__doc__}", "utf-8")


def section(dataset: Path, millions: int, options: argparse.Namespace) -> str:
    """Ask one size of dataset; of more calls than `CALLS_UP_TO` the main views, counted ahead."""
    is_small = millions <= CALLS_UP_TO
    views = options.views or (public_views() if is_small else MAIN)
    rolled, took = kept(dataset, [] if is_small else ["--no-answers"])
    datasets = {"kept": rolled, "calls": dataset}
    answers = {
        (kind, view, scope): asked(datasets[kind], view, scope, options.rounds)
        for view in views
        for kind in datasets
        for scope in ("all", "month")
        if is_small or kind == "kept"
    }
    size = sum(path.stat().st_size for path in dataset.glob("calls/*/*.parquet"))
    text = f"## {millions} million calls, {size / 1e6:,.0f} MB of Parquet\n\n{took}\n\n"
    text += f"{table(answers)}\n"
    if is_small:
        calls = millions * 1_000_000
        beside = view_peers.beside(options.folder, dataset, rolled, calls, options.rounds)
        text += f"connect_rate_by_profile, whole processes in turns:\n\n{beside}\n"
    return text


def tell(text: str) -> None:
    """Say how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
