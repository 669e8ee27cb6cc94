"""
What proves that a body is complete, and how a coded one is decoded.

httpx by itself accepts four kinds of body with bytes missing: no length and the connection closed,
HTTP/1.0, a gzip stream cut short, and every gzip member after the first. Here the framing is judged
from the header fields before a byte is read (RFC 9112 section 6.3), and a content coding is undone
with the end of its stream, its checksum and whatever follows it checked.

Memory stays constant: a piece of output has at most `PIECE_BYTES`, however much one chunk unpacks
to, and a stream that unpacks beyond `MAX_RATIO` is refused.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal

from cdr_engine.errors import IncompleteReport, NotAReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["MAX_RATIO", "PIECE_BYTES", "Proof", "coding_of", "decoded", "proof_of"]

Proof = Literal["chunked", "content-length", "unproven"]
"""What says where a body ends; `unproven`: only that the connection was closed."""

PIECE_BYTES = 1 << 18
MAX_RATIO = 250
"""Report rows pack 5 to 30 times; DEFLATE reaches 1032 times on nothing but repetition."""
RATIO_FREE_BYTES = 1 << 20
"""Output below which the ratio is not judged: short bodies of repeated rows pack oddly well."""

WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's names for the formats of RFC 1952 and RFC 1950; both end in a checksum."""


def proof_of(http_version: str, headers: Mapping[str, str]) -> Proof:
    """
    Tell what proves the end of a body, from RFC 9112 section 6.3.

    A Transfer-Encoding in HTTP/1.0 is faulty framing (section 6.1), so it proves nothing.
    """
    if "transfer-encoding" in headers:
        return "unproven" if http_version == "HTTP/1.0" else "chunked"
    return "content-length" if "content-length" in headers else "unproven"


def coding_of(headers: Mapping[str, str], what: str) -> str | None:
    """Name the content coding, None if there is none; raise NotAReport if it cannot be undone."""
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if not names:
        return None
    if len(names) > 1 or names[0] not in WINDOW_BITS:
        raise NotAReport(f"{what} is coded in a way that was not asked for: only gzip is undone")
    return names[0]


def decoded(chunks: Iterable[bytes], coding: str, what: str) -> Iterator[bytes]:
    """
    Undo gzip (all members, RFC 1952 section 2.2) or deflate in the zlib format.

    Parameters
    ----------
    chunks : iterable of bytes
        The coded body.
    coding : str
        `gzip`, `x-gzip` or `deflate`.
    what : str
        What was asked for, as messages name it.

    Raises
    ------
    IncompleteReport
        If the stream is cut, fails its checksum or has anything else after its end.
    NotAReport
        If it unpacks to more than `MAX_RATIO` times its size.
    """
    stream = zlib.decompressobj(WINDOW_BITS[coding])
    size_in = size_out = 0
    for chunk in chunks:
        size_in += len(chunk)
        rest = chunk
        while rest:
            if stream.eof:
                stream = next_member(coding, what)
            for piece in pieces(stream, rest, what):
                size_out += len(piece)
                if size_out > max(RATIO_FREE_BYTES, size_in * MAX_RATIO):
                    raise NotAReport(f"{what} unpacks to over {MAX_RATIO} times its size: refused")
                yield piece
            rest = stream.unused_data
    if size_in and not stream.eof:
        raise IncompleteReport(f"{what} ends inside its {coding} stream: ask for it again")


def next_member(coding: str, what: str) -> zlib._Decompress:
    """Start on what follows the end of a stream: in gzip another member, else junk."""
    if coding == "deflate":
        raise IncompleteReport(f"{what} goes on after its {coding} stream: ask for it again")
    return zlib.decompressobj(WINDOW_BITS[coding])


def pieces(stream: zlib._Decompress, chunk: bytes, what: str) -> Iterator[bytes]:
    """Feed one chunk, in pieces of bounded size, up to its end or the end of the stream."""
    rest = chunk
    while True:
        try:
            piece = stream.decompress(rest, PIECE_BYTES)
        except zlib.error:
            raise IncompleteReport(f"{what} has a damaged coding: ask for it again") from None
        if piece:
            yield piece
        rest = stream.unconsumed_tail
        if stream.eof or (not rest and len(piece) < PIECE_BYTES):
            return
