"""
One CSV report to normalised Parquet, as users of each library would write it well.

    python benchmarks/peers.py duckdb calls.csv calls.parquet

Each does the same work: every column typed, text trimmed, uii without its apostrophe, times of
US/Arizona in UTC, flags as booleans, empty as NULL, zstd. None of them counts bytes, keeps rejects
or proves anything; `cdr_engine` does that on top.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ZONE = "US/Arizona"
INT64 = ["cloud_profile_id", "connected_id", "attempt_1_id", "attempt_2_id"]
INT32 = ["queue_time", "dequeue_attempts", "inbound_duration", "connected_duration"]
TIMES = ["enqueue_time", "dequeue_time"]
FORMAT = "%m/%d/%y %I:%M %p"


def header(source: Path) -> list[str]:
    """Column names of the file."""
    with source.open("rb") as file:
        return file.readline().decode().strip().split(",")


def plain_text(names: list[str]) -> list[str]:
    """Columns that are text and nothing else."""
    typed = [*INT64, *INT32, *TIMES, "uii", "is_cellular"]
    return [name for name in names if name not in typed]


def cdr_engine(source: Path, target: Path) -> None:
    """Load through the library's own `ingest`: ledger, rejects, checksums and commit included."""
    from cdr_engine import ingest

    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        summary = ingest([source], folder, time_zone=ZONE)
        summary.files[0].path.replace(target)


def duckdb(source: Path, target: Path) -> None:
    """Write COPY of a SELECT, with the reader's types given and no order to keep."""
    import duckdb

    names = header(source)
    kinds = dict.fromkeys(names, "VARCHAR")
    kinds |= dict.fromkeys(INT64, "BIGINT") | dict.fromkeys(INT32, "INTEGER")
    select = {name: name for name in names}
    select |= {name: f"nullif(trim({name}), '')" for name in plain_text(names)}
    select |= {n: f"timezone('{ZONE}', strptime(trim({n}), '{FORMAT}'))" for n in TIMES}
    select["uii"] = "ltrim(trim(uii), '''')"
    select["is_cellular"] = "lower(trim(is_cellular)) = 'yes'"
    columns = ", ".join(f"{expression} as {name}" for name, expression in select.items())
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
    con = duckdb.connect()
    con.execute("set preserve_insertion_order = false")
    con.execute(
        f"copy (select {columns} from read_csv('{source}', header = true, delim = ',', "
        f"quote = '\"', columns = {{{types}}})) to '{target}' (format parquet, compression zstd)"
    )


def polars(source: Path, target: Path) -> None:
    """Stream from a lazy scan to a sink."""
    import polars as pl

    names = header(source)
    schema = dict.fromkeys(names, pl.String)
    schema |= dict.fromkeys(INT64, pl.Int64) | dict.fromkeys(INT32, pl.Int32)
    frame = pl.scan_csv(source, schema=schema).with_columns(
        pl.col(plain_text(names)).str.strip_chars(),
        pl.col("uii").str.strip_chars().str.strip_prefix("'"),
        pl.col("is_cellular").str.strip_chars().str.to_lowercase() == "yes",
        pl.col(TIMES)
        .str.strip_chars()
        .str.to_datetime(FORMAT, time_unit="ms")
        .dt.replace_time_zone(ZONE)
        .dt.convert_time_zone("UTC"),
    )
    frame.sink_parquet(target, compression="zstd")


def datafusion(source: Path, target: Path) -> None:
    """Write a SQL query over a registered file."""
    import datafusion as df
    import pyarrow as pa

    names = header(source)
    kinds = dict.fromkeys(names, pa.string())
    kinds |= dict.fromkeys(INT64, pa.int64()) | dict.fromkeys(INT32, pa.int32())
    select = {name: name for name in names}
    select |= {name: f"nullif(btrim({name}), '')" for name in plain_text(names)}
    select |= {
        name: f"""arrow_cast(arrow_cast(to_timestamp_millis(btrim({name}), '{FORMAT}'),
            'Timestamp(Millisecond, None)') at time zone '{ZONE}',
            'Timestamp(Millisecond, Some("UTC"))')"""
        for name in TIMES
    }
    select["uii"] = "ltrim(btrim(uii), '''')"
    select["is_cellular"] = "lower(btrim(is_cellular)) = 'yes'"
    context = df.SessionContext()
    context.register_csv("report", str(source), schema=pa.schema(list(kinds.items())))
    columns = ", ".join(f"{expression} as {name}" for name, expression in select.items())
    context.sql(f"select {columns} from report").write_parquet(str(target), compression="zstd")


def chdb(source: Path, target: Path) -> None:
    """Write INTO OUTFILE of a SELECT from the file function, types given."""
    import chdb

    names = header(source)
    kinds = dict.fromkeys(names, "Nullable(String)")
    kinds |= dict.fromkeys(INT64, "Nullable(Int64)") | dict.fromkeys(INT32, "Nullable(Int32)")
    select = {name: f"r.{name}" for name in names}
    select |= {name: f"nullIf(trim(r.{name}), '')" for name in plain_text(names)}
    select |= {
        n: f"toDateTime64(parseDateTime(trim(r.{n}), '%c/%e/%y %l:%i %p', '{ZONE}'), 3, 'UTC')"
        for n in TIMES
    }
    select["uii"] = "trim(leading '''' from trim(r.uii))"
    select["is_cellular"] = "(lower(trim(r.is_cellular)) = 'yes')::Bool"
    columns = ", ".join(f"{expression} as {name}" for name, expression in select.items())
    shape = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    chdb.query(
        f"select {columns} from file('{source}', CSVWithNames, '{shape}') as r "
        f"into outfile '{target}' truncate format Parquet "
        "settings output_format_parquet_compression_method = 'zstd', "
        "output_format_parquet_string_as_string = 1"
    )


def pyarrow(source: Path, target: Path) -> None:
    """Read the whole file with threads, compute, write."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv
    import pyarrow.parquet

    names = header(source)
    kinds = dict.fromkeys(names, pa.string())
    kinds |= dict.fromkeys(INT64, pa.int64()) | dict.fromkeys(INT32, pa.int32())
    options = pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=True, null_values=[""])
    table = pa.csv.read_csv(source, convert_options=options)
    for at, name in enumerate(names):
        column = table.column(name)
        if name in plain_text(names):
            column = pc.utf8_trim(column, " ")
        elif name in TIMES:
            local = pc.strptime(pc.utf8_trim(column, " "), format=FORMAT, unit="ms")
            column = pc.assume_timezone(local, ZONE, ambiguous="earliest", nonexistent="latest")
            column = column.cast(pa.timestamp("ms", "UTC"))
        elif name == "uii":
            column = pc.utf8_ltrim(pc.utf8_trim(column, " "), "'")
        elif name == "is_cellular":
            column = pc.equal(pc.utf8_lower(pc.utf8_trim(column, " ")), "yes")
        table = table.set_column(at, name, column)
    pa.parquet.write_table(table, target, compression="zstd")


PEERS = {
    "cdr_engine": cdr_engine,
    "duckdb": duckdb,
    "polars": polars,
    "datafusion": datafusion,
    "chdb": chdb,
    "pyarrow": pyarrow,
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
