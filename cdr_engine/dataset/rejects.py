"""What was set aside, read back: as a stream of rows, and as the CSV that it was."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdr_engine.dataset.footer import DataFile, read_footer
from cdr_engine.errors import UsageError
from cdr_engine.rejected import REJECTS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdr_engine.dataset.layout import Layout

__all__ = ["LISTED_SCHEMA", "listed_rejects", "write_raw"]

LISTED_SCHEMA = pa.schema([("account_id", pa.string()), ("file", pa.string()), *REJECTS_SCHEMA])
"""A reject with the account and the name of the data file it was set aside from."""

NOT_OF_THE_TABLE = "before the header"
"""The reason of lines that were never records."""


def listed_rejects(layout: Layout) -> Iterator[Any]:
    """
    Every reject of a dataset as RecordBatches in `LISTED_SCHEMA`, by account, file and position.

    Raises
    ------
    DatasetError
        If a file of rejects cannot be read.
    """
    for path in layout.reject_files():
        account_id = read_footer(path).footer.account_id
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                count = batch.num_rows
                lead = [pa.array([account_id] * count, pa.string()), pa.array([path.stem] * count)]
                columns = lead + [batch.column(name) for name in REJECTS_SCHEMA.names]
                yield pa.RecordBatch.from_arrays(columns, schema=LISTED_SCHEMA)


def write_raw(layout: Layout, out: IO[bytes]) -> int:
    """
    Write rejected records as they came, under their header: to be mended and ingested again.

    Records longer than what is kept of a reject are left out, as are lines that stood before the
    header, and cells: their calls are in the dataset.

    Returns
    -------
    int
        Records written.

    Raises
    ------
    UsageError
        If records of differing headers are there: they make no single file.
    """
    files = [file for file in map(read_footer, layout.reject_files()) if _records(file)]
    headers = {(file.footer.delimiter, file.footer.columns) for file in files}
    if len(headers) > 1:
        raise UsageError(
            f"the rejects have {len(headers)} different headers, which make no single file: "
            "query the view rejects instead"
        )
    for delimiter, columns in headers:
        out.write((delimiter.join(columns) + "\n").encode())
    count = 0
    for file in files:
        for raw in _raw(file):
            out.write(raw if raw.endswith((b"\n", b"\r")) else raw + b"\n")
            count += 1
    return count


def _records(file: DataFile) -> int:
    return file.footer.ledger.rejected_records


def _raw(file: DataFile) -> Iterator[bytes]:
    with pq.ParquetFile(file.path) as rejects:
        for batch in rejects.iter_batches():
            kept = pc.and_(
                pc.is_null(batch.column("column")),
                pc.and_(
                    pc.not_equal(batch.column("reason"), NOT_OF_THE_TABLE),
                    pc.equal(pc.binary_length(batch.column("raw")), batch.column("length")),
                ),
            )
            yield from batch.filter(kept).column("raw").to_pylist()
