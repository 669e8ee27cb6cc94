"""The command that measures: stages and peers, on the user's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from cdr_engine.cli.common import Common, amount, emit, errors, output, size

if TYPE_CHECKING:
    from rich.table import Table

    from cdr_engine.bench import Benchmark

__all__ = ["bench"]

_COMMON = Common()


def bench(
    *paths: str,
    time_zone: str | None = None,
    rounds: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 3,
    work_dir: str | None = None,
    common: Common = _COMMON,
) -> int:
    """
    Measure how fast this machine loads files, by stage and beside other libraries.

    DuckDB always takes part; Polars, DataFusion, chDB and pyarrow where they are installed. Each
    run is a process of its own, in turns; what counts are the ratios. The dataset is not touched.

    Parameters
    ----------
    paths
        Files as ingest takes them, archives too; libraries are compared on the unpacked text.
    time_zone
        Zone the files were made in; CDR_TIME_ZONE.
    rounds
        How often everything is run; medians are shown.
    work_dir
        Where the temporary folder is made, by default beside the dataset.
    """
    from cdr_engine.bench import bench as benchmark
    from cdr_engine.errors import UsageError

    settings = common.settings(time_zone=time_zone)
    if not paths:
        raise UsageError("name the files to measure with: cdr bench calls.csv")
    if settings.time_zone is None:
        raise UsageError("in which time zone were the files made? pass --time-zone US/Arizona")
    measured = benchmark(
        paths,
        time_zone=settings.time_zone,
        rounds=rounds,
        work_dir=work_dir or _beside(settings.dataset_path),
        said=lambda text: errors().print(text, soft_wrap=True),
    )
    if common.json:
        emit(measured)
    else:
        _show(measured)
    return 0


def _beside(dataset: Path) -> Path:
    """Nearest folder above the dataset that exists."""
    return next(folder for folder in dataset.resolve().parents if folder.is_dir())


def _show(measured: Benchmark) -> None:
    machine = measured.machine
    console = output()
    console.print(
        f"{machine.processor}, {machine.cores} cores, {size(machine.memory_bytes)}, "
        f"{machine.system}, Python {machine.python}",
        soft_wrap=True,
    )
    console.print(
        f"{size(measured.body_bytes)} of CSV, {amount(measured.rows)} rows, "
        f"{amount(measured.rejects)} rejects; medians of {measured.rounds}\n"
    )
    console.print(_stage_table(measured))
    console.print()
    console.print(_reader_table(measured))
    for reader, reason in measured.left_out.items():
        errors().print(f"{reader} is left out: {reason}", soft_wrap=True)


def _stage_table(measured: Benchmark) -> Table:
    from cdr_engine.cli.tables import listing

    table = listing("stage", "seconds ", "CPU s ", "MB/s ", "rows/s ", title="one thread, by stage")
    for time in measured.stages:
        table.add_row(
            time.stage,
            f"{time.wall_s:.3f}",
            f"{time.cpu_s:.3f}",
            amount(time.bytes_per_s / 1e6),
            amount(time.rows_per_s),
        )
    return table


def _reader_table(measured: Benchmark) -> Table:
    from cdr_engine.cli.tables import listing

    columns = ["reader", "version", "ratio ", "seconds ", "from ", "to ", "CPU s ", "MB/s "]
    columns += ["rows/s ", "rows ", "peak ", "written "]
    table = listing(*columns, title="from file to Parquet, a process each")
    for time in measured.readers:
        table.add_row(
            time.reader,
            time.version,
            f"{time.ratio:.2f}",
            f"{time.wall_s:.2f}",
            f"{time.fastest_s:.2f}",
            f"{time.slowest_s:.2f}",
            f"{time.cpu_s:.2f}",
            amount(time.bytes_per_s / 1e6),
            amount(time.rows_per_s),
            amount(time.rows),
            size(time.peak_bytes),
            size(time.parquet_bytes),
        )
    return table
