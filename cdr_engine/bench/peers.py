"""
One CSV report to normalised Parquet, as users of each library would write it well.

    python -m cdr_engine.bench.peers duckdb US/Arizona calls.parquet calls.csv

Each does the same work: every column typed, text trimmed, uii without its apostrophe, times of the
zone in UTC, flags as booleans, empty as NULL, zstd. None of them counts bytes, keeps rejects or
proves anything; `cdr_engine` does that on top.
"""

from __future__ import annotations

import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["DISTRIBUTIONS", "PEERS", "Load"]

INT64 = ["cloud_profile_id", "connected_id", "attempt_1_id", "attempt_2_id"]
INT32 = ["queue_time", "dequeue_attempts", "inbound_duration", "connected_duration"]
TIMES = ["enqueue_time", "dequeue_time"]
FORMAT = "%m/%d/%y %I:%M %p"


class Load:
    """One file to load: its zone, its columns, what stands between cells."""

    def __init__(self, source: Path, target: Path, time_zone: str) -> None:
        self.source = source
        self.target = target
        self.time_zone = time_zone

    @cached_property
    def header(self) -> str:
        """First line of the file."""
        with self.source.open(encoding="utf-8-sig") as file:
            return file.readline().strip()

    @property
    def delimiter(self) -> str:
        """The one of the report's three that the header has most of."""
        return max(",|\t", key=self.header.count)

    @property
    def names(self) -> list[str]:
        """Columns in the file's order."""
        return [name.strip('"') for name in self.header.split(self.delimiter)]

    @property
    def plain_text(self) -> list[str]:
        """Columns that are text and nothing else."""
        typed = [*INT64, *INT32, *TIMES, "uii", "is_cellular"]
        return [name for name in self.names if name not in typed]

    def kinds(self, text: Any, int64: Any, int32: Any) -> dict[str, Any]:
        """Types to read the columns with, in a library's own names."""
        found = dict.fromkeys(self.names, text)
        known = dict.fromkeys(INT64, int64) | dict.fromkeys(INT32, int32)
        return found | {name: kind for name, kind in known.items() if name in found}

    def select(self, text: str, time: str, uii: str, flag: str) -> str:
        """SQL of every column, from a library's expressions with {} for the column's name."""
        forms = dict.fromkeys(self.plain_text, text) | dict.fromkeys(TIMES, time)
        forms |= {"uii": uii, "is_cellular": flag}
        quoted = [(name, '"' + name.replace('"', '""') + '"') for name in self.names]
        return ", ".join(f"{forms.get(name, '{}').format(own)} as {own}" for name, own in quoted)


def literal(text: object) -> str:
    """A SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def cdr_engine(load: Load) -> None:
    """Load as `cdr ingest` does: ledger, rejects, checksums and commit included."""
    from cdr_engine.start import spare

    spare()
    from cdr_engine import ingest

    with tempfile.TemporaryDirectory(dir=load.target.parent) as folder:
        summary = ingest([load.source], folder, time_zone=load.time_zone)
        summary.files[0].path.replace(load.target)


def duckdb(load: Load) -> None:
    """Write COPY of a SELECT, with the reader's types given and no order to keep."""
    import duckdb

    columns = load.select(
        "nullif(trim({}), '')",
        f"timezone({literal(load.time_zone)}, strptime(trim({{}}), '{FORMAT}'))",
        "ltrim(trim({}), '''')",
        "lower(trim({})) = 'yes'",
    )
    kinds = load.kinds("VARCHAR", "BIGINT", "INTEGER")
    types = ", ".join(f"{literal(name)}: '{kind}'" for name, kind in kinds.items())
    con = duckdb.connect()
    con.execute("set preserve_insertion_order = false")
    con.execute(
        f"copy (select {columns} from read_csv({literal(load.source)}, header = true, "
        f"delim = {literal(load.delimiter)}, quote = '\"', columns = {{{types}}})) "
        f"to {literal(load.target)} (format parquet, compression zstd)"
    )


def polars(load: Load) -> None:
    """Stream from a lazy scan to a sink."""
    import polars as pl

    times = [name for name in TIMES if name in load.names]
    columns = {
        "uii": pl.col("uii").str.strip_chars().str.strip_prefix("'"),
        "is_cellular": pl.col("is_cellular").str.strip_chars().str.to_lowercase() == "yes",
    }
    schema = load.kinds(pl.String, pl.Int64, pl.Int32)
    frame = pl.scan_csv(load.source, schema=schema, separator=load.delimiter).with_columns(
        pl.col(load.plain_text).str.strip_chars(),
        *[column for name, column in columns.items() if name in load.names],
        pl.col(times)
        .str.strip_chars()
        .str.to_datetime(FORMAT, time_unit="ms")
        .dt.replace_time_zone(load.time_zone)
        .dt.convert_time_zone("UTC"),
    )
    frame.sink_parquet(load.target, compression="zstd")


def datafusion(load: Load) -> None:
    """Write a SQL query over a registered file."""
    import datafusion as df
    import pyarrow as pa

    columns = load.select(
        "nullif(btrim({}), '')",
        f"""arrow_cast(arrow_cast(to_timestamp_millis(btrim({{}}), '{FORMAT}'),
            'Timestamp(Millisecond, None)') at time zone {literal(load.time_zone)},
            'Timestamp(Millisecond, Some("UTC"))')""",
        "ltrim(btrim({}), '''')",
        "lower(btrim({})) = 'yes'",
    )
    kinds = load.kinds(pa.string(), pa.int64(), pa.int32())
    context = df.SessionContext()
    context.register_csv(
        "report", str(load.source), schema=pa.schema(list(kinds.items())), delimiter=load.delimiter
    )
    context.sql(f"select {columns} from report").write_parquet(str(load.target), compression="zstd")


def chdb(load: Load) -> None:
    """Write INTO OUTFILE of a SELECT from the file function, types given."""
    import chdb

    columns = load.select(
        "nullIf(trim(r.{}), '')",
        f"toDateTime64(parseDateTime(trim(r.{{}}), '%c/%e/%y %l:%i %p', "
        f"{literal(load.time_zone)}), 3, 'UTC')",
        "trim(leading '''' from trim(r.{}))",
        "(lower(trim(r.{})) = 'yes')::Bool",
    )
    kinds = load.kinds("Nullable(String)", "Nullable(Int64)", "Nullable(Int32)")
    shape = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
    chdb.query(
        f"select {columns} from file({literal(load.source)}, CSVWithNames, {literal(shape)}) as r "
        f"into outfile {literal(load.target)} truncate format Parquet "
        f"settings format_csv_delimiter = {literal(load.delimiter)}, "
        "output_format_parquet_compression_method = 'zstd', "
        "output_format_parquet_string_as_string = 1"
    )


def pyarrow(load: Load) -> None:
    """Read the whole file with threads, compute, write."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv
    import pyarrow.parquet

    kinds = load.kinds(pa.string(), pa.int64(), pa.int32())
    table = pa.csv.read_csv(
        load.source,
        parse_options=pa.csv.ParseOptions(delimiter=load.delimiter),
        convert_options=pa.csv.ConvertOptions(
            column_types=kinds, strings_can_be_null=True, null_values=[""]
        ),
    )
    for at, name in enumerate(load.names):
        column = table.column(name)
        if name in load.plain_text:
            column = pc.utf8_trim(column, " ")
        elif name in TIMES:
            local = pc.strptime(pc.utf8_trim(column, " "), format=FORMAT, unit="ms")
            column = pc.assume_timezone(
                local, load.time_zone, ambiguous="earliest", nonexistent="latest"
            )
            column = column.cast(pa.timestamp("ms", "UTC"))
        elif name == "uii":
            column = pc.utf8_ltrim(pc.utf8_trim(column, " "), "'")
        elif name == "is_cellular":
            column = pc.equal(pc.utf8_lower(pc.utf8_trim(column, " ")), "yes")
        table = table.set_column(at, name, column)
    pa.parquet.write_table(table, load.target, compression="zstd")


PEERS = {
    "cdr_engine": cdr_engine,
    "duckdb": duckdb,
    "polars": polars,
    "datafusion": datafusion,
    "chdb": chdb,
    "pyarrow": pyarrow,
}
DISTRIBUTIONS = {name: name.replace("_", "-") for name in PEERS}
"""As the package index names them."""


def main(peer: str, time_zone: str, target: str, *sources: str) -> None:
    """Load files one after the other; behind the first, the target's name gets a number."""
    whole = Path(target)
    for number, source in enumerate(sources):
        path = whole.with_stem(f"{whole.stem}-{number}") if number else whole
        PEERS[peer](Load(Path(source), path, time_zone))


if __name__ == "__main__":
    main(*sys.argv[1:])
