"""
What each stage takes by itself: one pass over files, one thread, one stage after the other.

    python -m cdr_engine.bench.stages US/Arizona FOLDER calls.csv

A load runs its stages side by side; here they take turns, so that their seconds can be told apart.
Memory stays constant: a block goes through all of them before the next is cut.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet as pq

from cdr_engine.archives import members
from cdr_engine.blocks import BlockCutter
from cdr_engine.columns import Decoder
from cdr_engine.dataset import DataFileWriter, Footer, Layout, read_footer
from cdr_engine.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdr_engine.archives import FileBody
    from cdr_engine.blocks import Block

__all__ = ["STAGES", "Pass", "measure"]

STAGES = ("read", "cut", "decode", "write", "commit", "read back")
"""`read` decompresses and hashes too; `commit` writes the last row group, seals, syncs, renames."""


class Pass(msgspec.Struct):
    """Seconds of one pass, by stage."""

    wall_s: dict[str, float]
    cpu_s: dict[str, float]
    """Of all threads: more than the wall's where Arrow uses several."""
    body_bytes: int = 0
    rows: int = 0
    rejects: int = 0
    parquet_bytes: int = 0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what happens inside to a stage."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_s[stage] += time.perf_counter() - wall_s
            self.cpu_s[stage] += time.process_time() - cpu_s


def measure(paths: list[Path], time_zone: str, folder: Path) -> Pass:
    """
    Take every report in the files through the stages, into data files in a folder.

    Raises
    ------
    DataError
        If a file cannot be read, or is not the report.
    CommitError
        If the disk refuses.
    """
    took = Pass(dict.fromkeys(STAGES, 0.0), dict.fromkeys(STAGES, 0.0))
    layout = Layout(folder)
    for path in paths:
        for member in members(path):
            with member.open() as body:
                _load(body, time_zone, layout, took)
    return took


def _load(body: FileBody, time_zone: str, layout: Layout, took: Pass) -> None:
    cutter = BlockCutter()
    blocks = _blocks(body, cutter, took)
    first = [block for block in [next(blocks, None)] if block is not None]
    header = cutter.header
    assert header is not None, "finish() raises where there is none"
    delimiter = header.dialect.delimiter
    decoder = Decoder(header.names, delimiter=delimiter, time_zone=time_zone)
    ledger = Ledger()
    with DataFileWriter(layout, None, decoder.schema) as writer:
        for block in chain(first, blocks):
            with took.timed("decode"):
                decoded = decoder.decode(block)
            ledger.add(decoded.ledger)
            with took.timed("write"):
                writer.write(decoded.batch)
                writer.reject(decoded.rejects)
        footer = Footer(
            source="file",
            account_id=None,
            time_zone=time_zone,
            sha256=body.sha256,
            ledger=ledger,
            columns=header.names,
            delimiter=delimiter.decode(),
        )
        with took.timed("commit"):
            file = writer.commit(footer)
    with took.timed("read back"):
        rows = _read_back(file.path)
    assert rows == ledger.rows, f"{rows} rows on disk, {ledger.rows} in the ledger"
    took.body_bytes += ledger.bytes
    took.rows += rows
    took.rejects += ledger.rejected_records + ledger.rejected_cells
    took.parquet_bytes += file.size


def _blocks(body: FileBody, cutter: BlockCutter, took: Pass) -> Iterator[Block]:
    chunks = iter(body)
    while True:
        with took.timed("read"):
            chunk = next(chunks, None)
        with took.timed("cut"):
            blocks = cutter.finish() if chunk is None else cutter.feed(chunk)
        yield from blocks
        if chunk is None:
            return


def _read_back(path: Path) -> int:
    """Footer and every value of a data file; gives its rows."""
    read_footer(path)
    with pq.ParquetFile(path) as file:
        return sum(batch.num_rows for batch in file.iter_batches())


def main(time_zone: str, folder: str, *paths: str) -> None:
    """Measure and print JSON."""
    took = measure([Path(path) for path in paths], time_zone, Path(folder))
    sys.stdout.buffer.write(msgspec.json.encode(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
