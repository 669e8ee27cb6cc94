"""
The same question asked of the dataset by a view, of the CSV by DuckDB, of plain Parquet by Polars.

Part of `views_speed.py`. The question is `connect_rate_by_profile`: offered and connected calls by
account, local day and profile, a call starting at the clock in its uii where that is near its
enqueue_time. The answers are compared, the times are of whole processes, in turns. The CSV is the
report as it came; the Parquet is the same rows as Polars itself writes them, all columns typed.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.bench.process import Usage, measured

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = """
import sys
from cdr_engine import open_dataset
view = "connect_rate_by_profile"
with open_dataset(sys.argv[1], time_zone="America/New_York", asked=view) as dataset:
    for row in sorted(
        (str(r["day"]), r["cloud_profile_id"], r["n_offered"], r["n_connected"])
        for r in dataset.sql(view).read_all().to_pylist()
    ):
        print(*row)
"""

DUCKDB = """
import sys
import duckdb
con = duckdb.connect()
con.execute("set TimeZone = 'America/New_York'")
con.execute("set enable_progress_bar = false")
answer = con.execute('''
    with calls as (
        select
            cloud_profile_id,
            call_result,
            timezone('UTC', strptime(enqueue_time, '%-m/%-d/%y %-I:%M %p')) as enqueued_at,
            timezone('America/New_York', try_strptime(uii[2:15], '%Y%m%d%H%M%S')) as clock_at
        from read_csv(?, header = true, all_varchar = true)
    ),
    started as (
        select *, case
            when abs(epoch(date_trunc('minute', clock_at)) - epoch(enqueued_at)) <= 120
                then clock_at
            else enqueued_at
        end as started_at
        from calls
    )
    select timezone('America/New_York', started_at)::date as day, cloud_profile_id::bigint,
        count(*), count(*) filter (upper(trim(call_result)) in ('CONNECTED', 'ANSWER', 'ANSWERED'))
    from started group by 1, 2 order by day::varchar, 2
''', [sys.argv[1]]).fetchall()
for row in answer:
    print(*row)
"""

POLARS = """
import sys
import polars as pl
zone = "America/New_York"
clock = (
    pl.col("uii").str.slice(0, 14).str.to_datetime("%Y%m%d%H%M%S", strict=False, time_unit="ms")
    .dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
)
enqueued = pl.col("enqueue_time").dt.convert_time_zone(zone)
near = (clock.dt.truncate("1m") - enqueued).abs() <= pl.duration(seconds=120)
result = pl.col("call_result").str.strip_chars().str.to_uppercase()
answer = (
    pl.scan_parquet(sys.argv[1])
    .select(
        pl.when(near).then(clock).otherwise(enqueued).dt.date().alias("day"),
        "cloud_profile_id",
        result.is_in(["CONNECTED", "ANSWER", "ANSWERED"]).alias("is_connected"),
    )
    .group_by("day", "cloud_profile_id")
    .agg(pl.len().alias("n"), pl.col("is_connected").sum().alias("connected"))
    .sort(pl.col("day").cast(pl.String), "cloud_profile_id")
    .collect(engine="streaming")
)
for row in answer.iter_rows():
    print(*row)
"""

TO_PARQUET = """
import sys
import polars as pl
calls = pl.scan_parquet(sys.argv[1] + "/calls/*/*.parquet", hive_partitioning=False)
calls.sink_parquet(sys.argv[2])
"""


LEAST_ROUNDS = 5


class Asked(NamedTuple):
    """One way to ask: medians over the rounds, and the answer."""

    way: str
    wall_s: float
    cpu_s: float
    peak_bytes: int
    answer: list[bytes]


def write_csv(folder: Path, dataset: Path, calls: int) -> Path:
    """The reports that the dataset was loaded from, as one file with one header."""
    from views_speed import DAYS, MONTHS, Lines

    from cdr_engine.simulator import History
    from cdr_engine.simulator.reports import Reporter
    from cdr_engine.simulator.switches import Switches

    path = folder / f"{dataset.name}.csv"
    if path.exists():
        return path
    history = History(calls_per_day=calls / DAYS / 2)

    def bodies() -> Iterator[bytes]:
        for position, account in enumerate(history.accounts):
            parts = iter(Lines(Reporter(history, Switches()), account, MONTHS[0], MONTHS[-1]))
            header = next(parts)
            if not position:
                yield header
            # Lines begin with their line end, the last part is one: it belongs to the last body.
            held = next(parts)
            for part in parts:
                yield held
                held = part
        yield held

    with path.with_suffix(".partial").open("wb") as file:
        file.writelines(bodies())
    path.with_suffix(".partial").rename(path)
    return path


def ask(ways: dict[str, tuple[str, Path]], rounds: int) -> list[Asked]:
    """Run the script of each way on its source, in turns."""
    runs: dict[str, list[Usage]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (script, source) in ways.items():
            runs[way].append(measured([sys.executable, "-c", script, str(source)]))
    for way, its in runs.items():
        print(f"{way}: {[round(run.wall_s, 2) for run in its]}", file=sys.stderr, flush=True)
    return [
        Asked(
            way,
            statistics.median(run.wall_s for run in its),
            statistics.median(run.cpu_s for run in its),
            max(run.peak_bytes for run in its),
            sorted(its[0].output.splitlines()),
        )
        for way, its in runs.items()
    ]


def beside(folder: Path, dataset: Path, rolled: Path, calls: int, rounds: int) -> str:
    """Ask in every way, compare what they say, and return the table."""
    csv = write_csv(folder, dataset, calls)
    parquet = folder / f"{dataset.name}.parquet"
    if not parquet.exists():
        measured([sys.executable, "-c", TO_PARQUET, str(dataset), str(parquet)])
    ways = {
        "cdr_engine, the calls": (ENGINE, dataset),
        "cdr_engine, counted ahead": (ENGINE, rolled),
        "Polars, plain Parquet": (POLARS, parquet),
        "DuckDB, the CSV": (DUCKDB, csv),
    }
    found = ask(ways, max(rounds, LEAST_ROUNDS))
    for one in found[1:]:
        if one.answer != found[0].answer:
            different = set(one.answer) ^ set(found[0].answer)
            raise SystemExit(f"{one.way} says otherwise: {sorted(different)[:6]}")
    lines = ["| asked of | ratio | seconds | CPU s | peak MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.way} | {one.wall_s / found[0].wall_s:.2f} | {one.wall_s:.2f} | {one.cpu_s:.2f} "
        f"| {one.peak_bytes / 1e6:,.0f} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"
