"""
What each stage takes, on the same few megabytes: `make bench-stages`.

`make test` runs each once without measuring, so that none of them rots.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from cdr_engine.blocks import Block, BlockCutter
from cdr_engine.columns import Decoded, Decoder
from cdr_engine.dataset import DataFile, DataFileWriter, Footer, Layout, read_footer
from cdr_engine.ledger import Ledger

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROWS = 20_000
"""Some six megabytes: two blocks, and a row group."""
CHUNK_BYTES = 1 << 20
GENERATOR = Path(__file__).parents[2] / "benchmarks" / "calls_csv.py"


def cut(body: bytes, chunk_bytes: int) -> tuple[BlockCutter, list[Block]]:
    """A body in chunks through the cutter."""
    cutter = BlockCutter()
    blocks: list[Block] = []
    for at in range(0, len(body), chunk_bytes):
        blocks += cutter.feed(body[at : at + chunk_bytes])
    return cutter, blocks + cutter.finish()


def decoder(cutter: BlockCutter) -> Decoder:
    """One for what the cutter found."""
    assert cutter.header is not None
    return Decoder(cutter.header.names, delimiter=b",", time_zone="US/Arizona")


def commit(folder: Path, schema: Any, batches: list[Decoded]) -> DataFile:
    """Write what was decoded as one data file."""
    ledger = Ledger.total(decoded.ledger for decoded in batches)
    footer = Footer(
        source="file", account_id=None, time_zone="US/Arizona", sha256="0" * 64, ledger=ledger
    )
    with DataFileWriter(Layout(folder), None, schema) as writer:
        for decoded in batches:
            writer.write(decoded.batch)
        return writer.commit(footer)


@pytest.fixture(scope="module")
def body() -> bytes:
    """A realistic report."""
    spec = importlib.util.spec_from_file_location("calls_csv", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    calls_csv = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(calls_csv)
    return b"".join(calls_csv.pieces(ROWS))


@pytest.mark.parametrize("chunk_bytes", [8192, CHUNK_BYTES], ids=["8 kB", "1 MB"])
def test_cut(benchmark: BenchmarkFixture, body: bytes, chunk_bytes: int) -> None:
    """Chunks into blocks: none of the bytes is lost."""
    _, blocks = benchmark(cut, body, chunk_bytes)

    assert len(body) == sum(len(block.payload) + block.header_bytes for block in blocks)


def test_decode(benchmark: BenchmarkFixture, body: bytes) -> None:
    """Blocks into typed columns: every row without a reject."""
    cutter, blocks = cut(body, CHUNK_BYTES)

    def decode() -> list[Decoded]:
        reader = decoder(cutter)
        return [reader.decode(block) for block in blocks]

    decoded = benchmark(decode)

    assert [(ROWS, 0)] == [
        (sum(one.batch.num_rows for one in decoded), sum(len(one.rejects) for one in decoded))
    ]


def test_write(benchmark: BenchmarkFixture, body: bytes, tmp_path: Path) -> None:
    """Columns into a committed data file."""
    cutter, blocks = cut(body, CHUNK_BYTES)
    reader = decoder(cutter)
    decoded = [reader.decode(block) for block in blocks]
    file = benchmark(commit, tmp_path, reader.schema, decoded)

    assert ROWS == file.footer.ledger.rows


def test_read_back(benchmark: BenchmarkFixture, body: bytes, tmp_path: Path) -> None:
    """A data file into its footer and every value of its rows."""
    cutter, blocks = cut(body, CHUNK_BYTES)
    reader = decoder(cutter)
    path = commit(tmp_path, reader.schema, [reader.decode(block) for block in blocks]).path

    def read_back() -> tuple[int, int]:
        footer = read_footer(path).footer
        with pq.ParquetFile(path) as file:
            return footer.ledger.rows, sum(batch.num_rows for batch in file.iter_batches())

    assert (ROWS, ROWS) == benchmark(read_back)
