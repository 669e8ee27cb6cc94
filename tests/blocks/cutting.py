"""How the cutter's tests cut: one helper for every way of feeding the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.blocks import BlockCutter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdr_engine.ledger import Reject


class Cut(NamedTuple):
    """All that came out of one body, independent of how it was cut into blocks."""

    payload: bytes
    header: int
    blank: int
    rejects: tuple[Reject, ...]
    offsets: tuple[int, ...]
    wrapped: tuple[tuple[int, int], ...]
    foreign: bytes


def cut(chunks: Iterable[bytes], *, block_bytes: int = 1024, limit: int = 4096) -> Cut:
    """Feed the chunks; offsets are those of every payload byte in the body."""
    cutter = BlockCutter(block_bytes=block_bytes, max_record_bytes=limit)
    blocks = [block for chunk in chunks for block in cutter.feed(chunk)]
    blocks += cutter.finish()
    offsets: list[int] = []
    wrapped: list[tuple[int, int]] = []
    for block in blocks:
        offsets += [block.offset_of(at) for at in range(len(block.payload))]
        wrapped += [(block.offset_of(a), block.offset_of(b - 1) + 1) for a, b in block.wrapped]
    rejects = sorted(reject for block in blocks for reject in block.rejects)
    return Cut(
        b"".join(block.payload for block in blocks),
        sum(block.header_bytes for block in blocks),
        sum(block.blank_bytes for block in blocks),
        tuple(rejects),
        tuple(offsets),
        tuple(wrapped),
        b"".join(block.payload[a:b] for block in blocks for a, b in block.foreign),
    )


def pieces(body: bytes, size: int) -> list[bytes]:
    """The body in chunks of one size."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def assert_accounted(body: bytes, result: Cut) -> None:
    """Every byte of the body is payload at its own offset, header, blank or a reject."""
    assert bytes(body[at] for at in result.offsets) == result.payload
    rejected = sum(reject.length for reject in result.rejects)
    assert len(result.payload) + result.header + result.blank + rejected == len(body)
    for reject in result.rejects:
        start = reject.byte_offset
        assert body[start : start + len(reject.raw)] == reject.raw
