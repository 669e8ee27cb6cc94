"""
Answers written: eight formats, batch by batch, in constant memory.

Text formats give instants as ISO 8601 with the offset of the session's zone, NULL as nothing
(csv) or null (json). A file is written under a temporary name beside its own and renamed when it
is whole; `COPY` of DuckDB takes no part, it is locked.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cdr_engine.errors import UsageError, ViewError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

__all__ = ["FORMATS", "format_of", "write", "write_file"]

SUFFIXES = {
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "table",
}

BYTE_ORDER_MARK = "\ufeff".encode()
"""Without it spreadsheets read UTF-8 as their country's old encoding."""

TABLE_ROWS = 50
"""Rows that a table shows unless told otherwise: a screen, not an export."""


def format_of(path: Path) -> str:
    """
    Tell the format that a file's name asks for.

    Raises
    ------
    UsageError
        The suffix is none of the known ones.
    """
    try:
        return SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = " ".join(SUFFIXES)
        raise UsageError(f"no format goes by {path.suffix!r}; known are {known}") from None


def write(
    answer: pa.RecordBatchReader,
    out: IO[bytes],
    *,
    format: str = "table",  # noqa: A002  # the word of the command line's flag
    limit: int | None = None,
) -> int:
    """
    Write an answer to an open binary file, standard output say.

    Parameters
    ----------
    answer
        From `query`; it is read to its end.
    out
        Stays open. An error of writing, a closed pipe's too, passes through.
    format
        One of `FORMATS`.
    limit
        Most rows; None is all, or for a table as many as a screen shows.

    Returns
    -------
    int
        Rows written, without those that the limit cut.

    Raises
    ------
    UsageError
        There is no such format.
    ViewError
        The query fails on the way, or the format has no place for one of its types.
    """
    import pyarrow as pa

    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    try:
        return FORMATS[format](answer, out, limit)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ViewError(
            f"{format} cannot hold this answer: {str(error).splitlines()[0]}"
        ) from error


def write_file(
    answer: pa.RecordBatchReader,
    path: Path,
    *,
    format: str | None = None,  # noqa: A002  # the word of the command line's flag
    limit: int | None = None,
) -> int:
    """
    Write an answer to a file that appears, or replaces the one before, when it is whole.

    The format follows the file's suffix unless it is given; what is returned and raised is as in
    `write`. The file is for its owner alone: it may hold callers' numbers.
    """
    kind = format or format_of(path)
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            return write(answer, device, format=kind, limit=limit)
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            rows = write(answer, out, format=kind, limit=limit)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return rows


def _write_table(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    from cdr_engine.views.table import draw

    head, cut = _take(answer, TABLE_ROWS if limit is None else limit)
    out.write(draw(head, n_cut=cut, is_terminal=out.isatty()).encode())
    return int(head.num_rows)


def _take(answer: pa.RecordBatchReader, limit: int) -> tuple[pa.Table, int]:
    """Take the first rows, and the number of those after them."""
    import pyarrow as pa

    head: list[pa.RecordBatch] = []
    room, cut = limit, 0
    for batch in answer:
        head.append(batch.slice(0, room))
        cut += max(0, batch.num_rows - room)
        room = max(0, room - batch.num_rows)
        if not room and not head[-1].num_rows:
            head.pop()
    return pa.Table.from_batches(head, answer.schema), cut


def _write_csv(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    import pyarrow as pa
    import pyarrow.csv

    from cdr_engine.views.text import texts, texts_schema

    options = pa.csv.WriteOptions(quoting_style="needed")
    schema = texts_schema(answer.schema)
    sink = pa.PythonFile(out, mode="w")
    with pa.csv.CSVWriter(sink, schema, write_options=options) as writer:
        return _each(answer, limit, lambda batch: writer.write_batch(texts(batch, schema)))


def _write_excel(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    """CSV as spreadsheets take it: marked as UTF-8, and no text that they would work out."""
    import pyarrow as pa

    from cdr_engine.views.text import guarded, guarded_names

    out.write(BYTE_ORDER_MARK)
    names = guarded_names(answer.schema.names)
    schema = pa.schema(
        [field.with_name(name) for field, name in zip(answer.schema, names, strict=True)]
    )
    safe = (guarded(batch).rename_columns(names) for batch in answer)
    return _write_csv(pa.RecordBatchReader.from_batches(schema, safe), out, limit)


def _write_markdown(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    from cdr_engine.views.table import markdown_head, markdown_rows

    out.write(markdown_head(answer.schema))
    return _each(answer, limit, lambda batch: out.write(markdown_rows(batch)))


def _write_json(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    before = b"[\n"

    def write_lines(batch: pa.RecordBatch) -> None:
        nonlocal before
        for line in _json_lines(batch):
            out.write(before + line)
            before = b",\n"

    rows = _each(answer, limit, write_lines)
    out.write(b"\n]\n" if rows else b"[]\n")
    return rows


def _write_jsonl(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    def write_lines(batch: pa.RecordBatch) -> None:
        out.writelines(line + b"\n" for line in _json_lines(batch))

    return _each(answer, limit, write_lines)


def _json_lines(batch: pa.RecordBatch) -> list[bytes]:
    """Each row as a JSON object; bytes are base64, integers of any size numbers."""
    import msgspec

    from cdr_engine.views.text import instants

    encode = msgspec.json.Encoder(decimal_format="number").encode
    return [encode(row) for row in instants(batch).to_pylist()]


def _write_parquet(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(out, answer.schema, compression="zstd") as writer:
        return _each(answer, limit, writer.write_batch)


def _write_arrow(answer: pa.RecordBatchReader, out: IO[bytes], limit: int | None) -> int:
    import pyarrow as pa

    with pa.ipc.new_stream(out, answer.schema) as writer:
        return _each(answer, limit, writer.write_batch)


def _each(
    answer: pa.RecordBatchReader, limit: int | None, write_batch: Callable[[pa.RecordBatch], Any]
) -> int:
    """Write batch by batch until the answer or the limit ends; the rows written."""
    rows = 0
    for batch in answer:
        taken = batch if limit is None else batch.slice(0, limit - rows)
        if taken.num_rows:
            write_batch(taken)
        rows += taken.num_rows
        if rows == limit:
            break
    return rows


FORMATS: dict[str, Callable[[pa.RecordBatchReader, IO[bytes], int | None], int]] = {
    "table": _write_table,
    "csv": _write_csv,
    "excel": _write_excel,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "markdown": _write_markdown,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
}
"""How each format is written, by the name that the command line knows it by."""
