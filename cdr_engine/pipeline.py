"""
One body to one committed data file: the only place where the stages meet.

    chunk* -> BlockCutter -> block* -> Decoder -> RecordBatch* and reject* -> DataFileWriter

Blocks are cut and written by the caller's thread and decoded by a few others in between; they come
back in their order. What is under way at once is bounded, so memory does not grow with the body.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from cdr_engine.blocks import BLOCK_BYTES, Block, BlockCutter, Header
from cdr_engine.columns import Contract, Decoded, Decoder, calls_schema, plain
from cdr_engine.dataset import DataFileWriter, Footer, Neighbours
from cdr_engine.errors import HeaderError
from cdr_engine.ledger import Ledger, Reject
from cdr_engine.rejected import listed, renumbered

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from cdr_engine.dataset import DataFile, Layout
    from cdr_engine.windows import Window

__all__ = ["Body", "Observer", "Origin", "Report", "Share", "load", "read_csv", "share_of"]

DECODERS = 2
"""Threads that decode; Arrow works outside the interpreter's lock."""
UNDER_WAY = 3
"""Blocks cut but not yet handed on."""

BLOCKS_SHARED, LEAST_BLOCK_BYTES = 8, 1 << 20
ROWS_SHARED, LEAST_ROWS = 100_000, 12_500
"""Over all loads side by side: blocks and rows not yet written are most of the memory."""

COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,62}")
"""What the service may call a column that is new; an error written behind the header is none."""

REJECTS_KEPT = 10_000
"""Rejects that a report keeps for its reader: memory must not grow with a broken body."""


class Report:
    """
    A report while it is read: batches in the order of the body, once.

    Any reader of the Arrow C stream takes it as it is: `duckdb.from_arrow(report)`,
    `polars.DataFrame(report)`. `ledger` and `rejects` are whole when the stream has ended;
    `rejects`, the first `REJECTS_KEPT` of them, are kept by `to_batches` and the stream, not by
    `decoded`; the ledger counts all.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        time_zone: str,
        delimiter: bytes | None = None,
        contract: Contract = "evolve",
        block_bytes: int = BLOCK_BYTES,
        under_way: int = UNDER_WAY,
    ) -> None:
        self.ledger = Ledger()
        self._under_way = under_way
        self.rejects: list[Reject] = []
        self._chunks = iter(chunks)
        self._cutter = BlockCutter(delimiter=delimiter, block_bytes=block_bytes)
        self._first: list[Block] = []
        while self._cutter.header is None:
            chunk = next(self._chunks, None)
            self._first += self._cutter.finish() if chunk is None else self._cutter.feed(chunk)
        self.header: Header = self._cutter.header
        self.decoder = Decoder(
            self.header.names,
            delimiter=self.header.dialect.delimiter,
            time_zone=time_zone,
            contract=contract,
        )
        self.schema = calls_schema(self.decoder.unknown)

    @property
    def bytes_read(self) -> int:
        """Bytes of the body so far."""
        return self._cutter.bytes_fed

    def decoded(self) -> Iterator[Decoded]:
        """Blocks in their order out of the decoder; rejects carry their record's number."""
        with ThreadPoolExecutor(min(DECODERS, self._under_way), "decode") as pool:
            under_way: deque[Future[Decoded]] = deque()
            try:
                for block in self._blocks():
                    under_way.append(pool.submit(self.decoder.decode, block))
                    if len(under_way) >= self._under_way:
                        yield self._entered(under_way.popleft().result())
                while under_way:
                    yield self._entered(under_way.popleft().result())
            finally:
                for future in under_way:
                    future.cancel()
        if self.ledger.bytes != self._cutter.bytes_fed:
            raise AssertionError(f"{self._cutter.bytes_fed} bytes came: {self.ledger}")
        self.ledger.check()

    def to_batches(self) -> Iterator[Any]:
        """RecordBatches in `schema`: the 34 columns, then unknown ones as text."""
        for decoded in self.decoded():
            room = REJECTS_KEPT - len(self.rejects)
            self.rejects += listed(decoded.rejects.slice(0, room))
            yield plain(decoded.batch)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self.to_batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _blocks(self) -> Iterator[Block]:
        yield from self._first
        for chunk in self._chunks:
            yield from self._cutter.feed(chunk)
        yield from self._cutter.finish()

    def _entered(self, decoded: Decoded) -> Decoded:
        before = self.ledger.records
        self.ledger.add(decoded.ledger)
        if not decoded.rejects.num_rows:
            return decoded
        return decoded._replace(rejects=renumbered(decoded.rejects, before))


def read_csv(chunks: Iterable[bytes], *, time_zone: str, delimiter: bytes | None = None) -> Report:
    """
    Read a report that arrives as chunks of bytes: a file opened in binary mode, an HTTP body.

    Parameters
    ----------
    chunks
        Of any size, cut anywhere.
    time_zone
        TZ database name of the zone in which the report prints its times: the request's.
    delimiter
        One byte; recognised from the header line where it is not given.

    Raises
    ------
    HeaderError
        If the header line is not there, or not one of this report.
    zoneinfo.ZoneInfoNotFoundError
        If there is no such zone.
    """
    return Report(chunks, time_zone=time_zone, delimiter=delimiter)


class Share(NamedTuple):
    """What one load may hold: that bounds its memory."""

    under_way: int = UNDER_WAY
    """Blocks cut but not yet handed on."""
    block_bytes: int = BLOCK_BYTES
    row_group_rows: int | None = None
    """Rows not yet written; None is the writer's own measure."""


ALONE = Share()


def share_of(jobs: int) -> Share:
    """The share of each of so many loads side by side, which together hold little more than one."""
    if jobs == 1:
        return ALONE
    return Share(
        under_way=max(1, BLOCKS_SHARED // jobs),
        block_bytes=max(LEAST_BLOCK_BYTES, min(BLOCK_BYTES, 4 * BLOCK_BYTES // jobs)),
        row_group_rows=max(LEAST_ROWS, ROWS_SHARED // jobs),
    )


class Body(Protocol):
    """A body that is read once; what follows its chunks is known when they are exhausted."""

    def __iter__(self) -> Iterator[bytes]: ...

    @property
    def sha256(self) -> str:
        """Of the decoded body, as hexadecimal digits."""
        ...

    @property
    def proof(self) -> str:
        """What shows that the body was complete."""
        ...


class Origin(NamedTuple):
    """Where a body comes from, as its data file will say."""

    source: Literal["report", "file"]
    account_id: str | None
    time_zone: str
    delimiter: bytes | None = None
    """Recognised from the header line where it is not given."""
    contract: Contract = "evolve"
    """What becomes of columns the report does not know."""
    window: Window | None = None
    request: Mapping[str, Any] = MappingProxyType({})


Committing = Callable[[], AbstractContextManager[Iterable["DataFile"]]]
"""A commit is made inside of it; it gives the files that were committed since the load began."""


class Observer:
    """Hears of progress; the base hears nothing."""

    def advanced(self, body_bytes: int, rows: int) -> None:
        """Told again and again: bytes and rows of the current body so far."""

    def committed(self, file: DataFile) -> None:
        """Told when a data file is part of the dataset."""


@contextmanager
def _alone() -> Iterator[Iterable[DataFile]]:
    """No other load runs beside this one."""
    yield ()


def load(
    body: Body,
    layout: Layout,
    origin: Origin,
    *,
    held: Iterable[DataFile],
    observer: Observer,
    judge: Callable[[Decoded], None] | None = None,
    known: Container[str] = (),
    committing: Committing = _alone,
    share: Share = ALONE,
) -> DataFile | None:
    """
    Read a body to its end and commit it as one data file, or nothing.

    Parameters
    ----------
    held
        Other files of the account: calls they hold are left out and counted as duplicates.
    judge
        Sees each block before it is written and raises to refuse the body.
    known
        Digests of bodies that need no second data file; None is returned for one of them.
    committing
        Guards the commit where several loads run side by side. Calls of the files it gives are
        left out too, so of two loads that bring the same call the first to commit keeps it.
    share
        What it may hold of the memory, from `share_of`.

    Raises
    ------
    HeaderError
        If the header line is not there, or not one of this report.
    CommitError
        If the disk refuses.
    """
    started = time.monotonic()
    report = Report(
        body,
        time_zone=origin.time_zone,
        delimiter=origin.delimiter,
        contract=origin.contract,
        block_bytes=share.block_bytes,
        under_way=share.under_way,
    )
    if origin.source == "report" and not all(map(COLUMN_NAME.fullmatch, report.decoder.unknown)):
        raise HeaderError("its header line goes on with what is no column's name")
    neighbours = Neighbours(held)
    ledger = report.ledger
    schema = report.decoder.schema
    with DataFileWriter(
        layout,
        origin.account_id,
        schema,
        share.row_group_rows,
        is_alone=share.under_way >= UNDER_WAY,
    ) as writer:
        for decoded in report.decoded():
            if judge is not None:
                judge(decoded)
            batch = neighbours.without_known(decoded.batch)
            ledger.duplicates += decoded.batch.num_rows - batch.num_rows
            ledger.rows -= decoded.batch.num_rows - batch.num_rows
            ledger.outside_window += _outside(batch, origin.window)
            writer.write(batch)
            writer.reject(decoded.rejects)
            observer.advanced(report.bytes_read, ledger.rows)
        with committing() as meanwhile:
            if body.sha256 in known:
                return None
            _leave_out(writer, Neighbours(meanwhile), ledger, origin.window)
            file = writer.commit(_footer(body, origin, report, time.monotonic() - started))
    observer.committed(file)
    return file


def _leave_out(
    writer: DataFileWriter, others: Neighbours, ledger: Ledger, window: Window | None
) -> None:
    """Take back rows that are written but not committed, as others have them by now."""

    def kept(batch: Any) -> Any:
        rest = others.without_known(batch)
        ledger.duplicates += batch.num_rows - rest.num_rows
        ledger.rows -= batch.num_rows - rest.num_rows
        ledger.outside_window -= _outside(batch, window) - _outside(rest, window)
        return rest

    if others.may_hold(writer.span):
        writer.keep(kept)


def _footer(body: Body, origin: Origin, report: Report, seconds: float) -> Footer:
    return Footer(
        source=origin.source,
        account_id=origin.account_id,
        time_zone=origin.time_zone,
        sha256=body.sha256,
        ledger=report.ledger,
        window_start=origin.window and origin.window.start,
        window_end=origin.window and origin.window.end,
        request=dict(origin.request),
        proof=body.proof,
        columns=report.header.names,
        delimiter=report.header.dialect.delimiter.decode(),
        missing_columns=report.decoder.missing,
        unknown_columns=report.decoder.unknown,
        seconds=seconds,
    )


def _outside(batch: Any, window: Window | None) -> int:
    if window is None or not batch.num_rows:
        return 0
    times = batch.column("enqueue_time")
    start, end = (pa.scalar(bound, times.type) for bound in window)
    inside = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
    return int(pc.sum(pc.invert(inside)).as_py() or 0)
