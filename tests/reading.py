"""One way to read a body, and what has to be true of every body whatsoever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cdr_engine.errors import CdrError
from cdr_engine.pipeline import Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdr_engine.ledger import Ledger, Reject

__all__ = ["Outcome", "assert_invariants", "pieces", "read"]

RAW_LIMIT = 1 << 16


class Outcome(NamedTuple):
    """What the engine made of one body."""

    rows: list[dict[str, Any]]
    rejects: list[Reject]
    ledger: Ledger


def pieces(body: bytes, size: int) -> list[bytes]:
    """Cut a body into chunks of one size."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def read(chunks: Iterable[bytes], *, block_bytes: int = 1 << 20, zone: str = "UTC") -> Outcome:
    """Read a body with the engine."""
    report = Report(chunks, time_zone=zone, block_bytes=block_bytes)
    rows = [row for batch in report.to_batches() for row in batch.to_pylist()]
    return Outcome(rows, report.rejects, report.ledger)


def _read_or_refuse(chunks: Iterable[bytes], block_bytes: int) -> Outcome | str:
    """Read, or name the engine's own error; any other error is a failure."""
    try:
        return read(chunks, block_bytes=block_bytes)
    except CdrError as error:
        return f"{type(error).__name__}: {error}"


def assert_invariants(body: bytes, *, chunk: int, block_bytes: int) -> int:
    """Every byte is accounted for, however the body is fed; gives the number of its records."""
    whole = _read_or_refuse([body], 1 << 20)
    assert whole == _read_or_refuse(pieces(body, chunk), block_bytes)
    if isinstance(whole, str):
        return 0
    rows, rejects, ledger = whole
    ledger.check()
    assert len(body) == ledger.bytes
    assert len(rows) == ledger.rows
    at = number = rejected = 0
    for reject in rejects:
        assert at <= reject.byte_offset < len(body)
        assert number <= reject.record <= ledger.records
        number = reject.record
        if reject.column is None:
            at = reject.byte_offset + reject.length
            rejected += reject.length
            assert body[reject.byte_offset : at][:RAW_LIMIT] == reject.raw
    assert rejected == ledger.rejected_bytes + ledger.tail_bytes
    return ledger.records
