"""
What can go wrong with the bytes of an answer, by name.

Each fault takes a whole answer and a source of chance, and tells what is sent in its place. Some
are no faults by the letter of HTTP (trailers, members of gzip, an interim answer): whoever receives
them may take the report, and has to take all of it.
"""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from cdr_engine.simulator.faults import PAGE, problem
from cdr_engine.simulator.wire import LAST_CHUNK, Wire, chunked, pieces_of

__all__ = ["BYTE_FAULTS", "SLOW", "Script", "script_of"]

Ending = Literal["close", "reset", "silence"]


class Script(NamedTuple):
    """What is sent, and what becomes of the connection."""

    pieces: list[bytes]
    """Sent one after the other."""
    ending: Ending = "close"
    is_slow: bool = False
    """Whether to pause between pieces."""


Fault = Callable[[Wire, random.Random], Script]


def script_of(name: str, wire: Wire, rng: random.Random) -> Script:
    """Return what a fault makes of an answer; KeyError when there is no fault of that name."""
    return _FAULTS[name](wire, rng)


def _whole(wire: Wire, rng: random.Random) -> bytes:
    return wire.as_chunks() + b"".join(chunked(pieces_of(wire.body, rng))) + LAST_CHUNK


def _cut_head(wire: Wire, rng: random.Random) -> Script:
    head = wire.as_chunks()
    return Script([head[: rng.randrange(len(head))]])


def _cut_chunk(wire: Wire, rng: random.Random) -> Script:
    chunks = chunked(pieces_of(wire.body, rng))
    at = rng.randrange(len(chunks))
    part = chunks[at][: rng.randrange(1, len(chunks[at]))]
    return Script([wire.as_chunks(), *chunks[:at], part])


def _cut_between_chunks(wire: Wire, rng: random.Random) -> Script:
    chunks = chunked(pieces_of(wire.body, rng))
    return Script([wire.as_chunks(), *chunks[: rng.randrange(len(chunks))]])


def _cut_before_last(wire: Wire, rng: random.Random) -> Script:
    return Script([_whole(wire, rng).removesuffix(LAST_CHUNK)])


def _cut_in_last(wire: Wire, rng: random.Random) -> Script:
    return Script([_whole(wire, rng)[: -rng.randrange(1, len(LAST_CHUNK))]])


def _cut_at(wire: Wire, rng: random.Random, at: int) -> Script:
    return Script([wire.as_chunks(), *chunked(pieces_of(wire.body[:at], rng))])


def _cut_record(wire: Wire, rng: random.Random) -> Script:
    ends = wire.record_ends()
    return _cut_at(wire, rng, rng.choice([at for at in range(len(wire.body)) if at not in ends]))


def _cut_between_records(wire: Wire, rng: random.Random) -> Script:
    return _cut_at(wire, rng, rng.choice(wire.record_ends()))


def _cut_length(wire: Wire, rng: random.Random) -> Script:
    return Script([wire.of_length(len(wire.body)), wire.body[: rng.randrange(len(wire.body))]])


def _short_length(wire: Wire, rng: random.Random) -> Script:
    length = rng.choice([rng.randrange(len(wire.body)), rng.choice(wire.record_ends())])
    return Script([wire.of_length(length), wire.body])


def _long_length(wire: Wire, rng: random.Random) -> Script:
    return Script([wire.of_length(len(wire.body) + rng.randrange(1, 10_000)), wire.body])


def _long_length_stall(wire: Wire, rng: random.Random) -> Script:
    return _long_length(wire, rng)._replace(ending="silence")


def _two_lengths(wire: Wire, rng: random.Random) -> Script:
    lengths = [len(wire.body), rng.choice(wire.record_ends())]
    rng.shuffle(lengths)
    return Script([wire.head(*(b"Content-Length: %d" % n for n in lengths)), wire.body])


def _reset(wire: Wire, rng: random.Random) -> Script:
    whole = _whole(wire, rng)
    return Script([whole[: rng.randrange(len(whole))]], "reset")


def _reset_at_once(_wire: Wire, _rng: random.Random) -> Script:
    return Script([], "reset")


def _hang_up(_wire: Wire, _rng: random.Random) -> Script:
    return Script([])


def _chunk_sized(wire: Wire, rng: random.Random, size: Callable[[int], bytes]) -> Script:
    pieces = pieces_of(wire.body, rng)
    chunks = chunked(pieces)
    at = rng.randrange(len(chunks))
    chunks[at] = size(len(pieces[at])) + b"\r\n" + pieces[at] + b"\r\n"
    return Script([wire.as_chunks(), *chunks, LAST_CHUNK])


def _bad_chunk_size(wire: Wire, rng: random.Random) -> Script:
    spelt = rng.choice([b"", b"xyz", b"-1", b"0x10", b"1 0", b"f" * 40])
    return _chunk_sized(wire, rng, lambda _: spelt)


def _chunk_too_long(wire: Wire, rng: random.Random) -> Script:
    return _chunk_sized(wire, rng, lambda size: b"%x" % (size + rng.randrange(1, 500)))


def _chunk_too_short(wire: Wire, rng: random.Random) -> Script:
    return _chunk_sized(wire, rng, lambda size: b"%x" % rng.randrange(size))


def _no_framing(wire: Wire, _rng: random.Random) -> Script:
    return Script([wire.head(), wire.body])


def _no_framing_cut(wire: Wire, rng: random.Random) -> Script:
    return Script([wire.head(), wire.body[: rng.choice(wire.record_ends())]])


def _old(wire: Wire, *more: bytes) -> bytes:
    return wire.head(*more, status_line=wire.status_line.replace(b"HTTP/1.1", b"HTTP/1.0"))


def _http10(wire: Wire, _rng: random.Random) -> Script:
    return Script([_old(wire), wire.body])


def _http10_cut(wire: Wire, rng: random.Random) -> Script:
    return Script([_old(wire), wire.body[: rng.choice(wire.record_ends())]])


def _http10_length(wire: Wire, _rng: random.Random) -> Script:
    return Script([_old(wire, b"Content-Length: %d" % len(wire.body)), wire.body])


def _http10_chunks(wire: Wire, rng: random.Random) -> Script:
    chunks = chunked(pieces_of(wire.body, rng))
    kept = chunks[: rng.randrange(1, len(chunks) + 1)]
    return Script([_old(wire, b"Transfer-Encoding: chunked"), *kept])


def _length_and_chunks(wire: Wire, rng: random.Random) -> Script:
    fields = [
        b"Transfer-Encoding: chunked",
        b"Content-Length: %d" % rng.choice(wire.record_ends()),
    ]
    rng.shuffle(fields)
    return Script([wire.head(*fields), *chunked(pieces_of(wire.body, rng)), LAST_CHUNK])


def _trimmings(wire: Wire, rng: random.Random) -> Script:
    """Chunk extensions and trailers, which say nothing."""
    chunks = [
        chunk.replace(b"\r\n", b";a=b\r\n", 1) for chunk in chunked(pieces_of(wire.body, rng))
    ]
    return Script([wire.as_chunks(), *chunks, b"0;last\r\nX-Rows: 1\r\n\r\n"])


def _interim(wire: Wire, rng: random.Random) -> Script:
    said = rng.choice([b"100 Continue", b"102 Processing", b"103 Early Hints"])
    return Script([b"HTTP/1.1 " + said + b"\r\n\r\n", _whole(wire, rng)])


def _coded(wire: Wire, rng: random.Random, packed: bytes, coding: bytes = b"gzip") -> Script:
    """Send coded bytes in a framing that is whole."""
    if rng.random() < 0.5:
        length = b"Content-Length: %d" % len(packed)
        return Script([wire.head(b"Content-Encoding: " + coding, length), packed])
    head = wire.head(b"Content-Encoding: " + coding, b"Transfer-Encoding: chunked")
    return Script([head, *chunked(pieces_of(packed, rng)), LAST_CHUNK])


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def _flushed(body: bytes) -> bytes:
    """Return the beginning of a gzip stream that gives all of the body, but does not end."""
    packer = zlib.compressobj(level=6, wbits=31)
    return packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH)


def _gzip_cut(wire: Wire, rng: random.Random) -> Script:
    if rng.random() < 0.5:
        return _coded(wire, rng, _flushed(wire.body[: rng.choice(wire.record_ends())]))
    packed = _packed(wire.body)
    return _coded(wire, rng, packed[: rng.randrange(1, len(packed))])


def _gzip_flipped(wire: Wire, rng: random.Random, places: range) -> Script:
    packed = bytearray(_packed(wire.body))
    packed[rng.choice(places[-len(packed) :])] ^= 1 << rng.randrange(8)
    return _coded(wire, rng, bytes(packed))


def _gzip_crc(wire: Wire, rng: random.Random) -> Script:
    return _gzip_flipped(wire, rng, range(-8, -4))


def _gzip_size(wire: Wire, rng: random.Random) -> Script:
    return _gzip_flipped(wire, rng, range(-4, 0))


def _gzip_bit(wire: Wire, rng: random.Random) -> Script:
    return _gzip_flipped(wire, rng, range(10, len(_packed(wire.body)) - 8))


def _gzip_members(wire: Wire, rng: random.Random) -> Script:
    return _coded(wire, rng, b"".join(_packed(piece) for piece in pieces_of(wire.body, rng)))


def _gzip_junk(wire: Wire, rng: random.Random) -> Script:
    return _coded(wire, rng, _packed(wire.body) + rng.randbytes(rng.randrange(1, 100)))


def _gzip_nested(wire: Wire, rng: random.Random) -> Script:
    return _coded(wire, rng, _packed(_packed(wire.body)), b"gzip, gzip")


def _gzip_unsaid(wire: Wire, rng: random.Random) -> Script:
    return _coded(wire, rng, _packed(wire.body), b"identity")


def _gzip_untrue(wire: Wire, rng: random.Random) -> Script:
    return _coded(wire, rng, wire.body)


def _redirect(wire: Wire, rng: random.Random) -> Script:
    status = rng.choice([b"301 Moved Permanently", b"302 Found", b"307 Temporary Redirect"])
    place = b"Location: http://127.0.0.1:9/voice/"
    line = b"HTTP/1.1 " + status
    body = rng.choice([b"", wire.body])
    head = wire.head(place, b"Content-Length: %d" % len(body), status_line=line)
    return Script([head, body])


def _partial_content(wire: Wire, rng: random.Random) -> Script:
    end = rng.choice(wire.record_ends())
    head = wire.head(
        b"Content-Range: bytes 0-%d/%d" % (end - 1, len(wire.body)),
        b"Content-Length: %d" % end,
        status_line=b"HTTP/1.1 206 Partial Content",
    )
    return Script([head, wire.body[:end]])


def _framed(wire: Wire, rng: random.Random, body: bytes) -> Script:
    return Script([_whole(wire._replace(body=body), rng)])


def _error_text(rng: random.Random) -> bytes:
    wrong = problem(500, "An Internal Server Error occurred while processing this request", "").body
    short = msgspec.json.encode({"errorCode": "500", "generalMessage": "Internal Server Error"})
    return rng.choice([wrong, short, PAGE])


def _error_within(wire: Wire, rng: random.Random) -> Script:
    """An error from any byte on, in place of the rest."""
    return _framed(wire, rng, wire.body[: rng.randrange(len(wire.body))] + _error_text(rng))


def _error_between(wire: Wire, rng: random.Random) -> Script:
    """An error on a line of its own, and the rest of the rows after it."""
    at = rng.choice(wire.record_ends())
    return _framed(wire, rng, wire.body[:at] + _error_text(rng).strip() + b"\n" + wire.body[at:])


def _garbage(_wire: Wire, rng: random.Random) -> Script:
    return Script([rng.randbytes(rng.randrange(1, 2000)) + b"\r\n\r\n"])


def _long_head(wire: Wire, rng: random.Random) -> Script:
    more = b"X-Long: " + b"x" * rng.randrange(200_000, 400_000)
    return Script([wire.head(more, b"Content-Length: %d" % len(wire.body)), wire.body])


def _drip(wire: Wire, rng: random.Random) -> Script:
    whole = _whole(wire, rng)
    at = rng.randrange(len(whole))
    return Script([whole[:at], *(whole[n : n + 1] for n in range(at, len(whole)))], is_slow=True)


def _stall(wire: Wire, rng: random.Random) -> Script:
    whole = _whole(wire, rng)
    return Script([whole[: rng.randrange(len(whole))]], "silence")


def _stall_at_once(_wire: Wire, _rng: random.Random) -> Script:
    return Script([], "silence")


_FAULTS: dict[str, Fault] = {
    "cut-head": _cut_head,
    "cut-chunk": _cut_chunk,
    "cut-between-chunks": _cut_between_chunks,
    "cut-before-last": _cut_before_last,
    "cut-in-last": _cut_in_last,
    "cut-record": _cut_record,
    "cut-between-records": _cut_between_records,
    "cut-length": _cut_length,
    "short-length": _short_length,
    "long-length": _long_length,
    "long-length-stall": _long_length_stall,
    "two-lengths": _two_lengths,
    "reset": _reset,
    "reset-at-once": _reset_at_once,
    "hang-up": _hang_up,
    "bad-chunk-size": _bad_chunk_size,
    "chunk-too-long": _chunk_too_long,
    "chunk-too-short": _chunk_too_short,
    "no-framing": _no_framing,
    "no-framing-cut": _no_framing_cut,
    "http10": _http10,
    "http10-cut": _http10_cut,
    "http10-length": _http10_length,
    "http10-chunks": _http10_chunks,
    "length-and-chunks": _length_and_chunks,
    "trimmings": _trimmings,
    "interim": _interim,
    "gzip-cut": _gzip_cut,
    "gzip-crc": _gzip_crc,
    "gzip-size": _gzip_size,
    "gzip-bit": _gzip_bit,
    "gzip-members": _gzip_members,
    "gzip-junk": _gzip_junk,
    "gzip-nested": _gzip_nested,
    "gzip-unsaid": _gzip_unsaid,
    "gzip-untrue": _gzip_untrue,
    "redirect": _redirect,
    "partial-content": _partial_content,
    "error-within": _error_within,
    "error-between": _error_between,
    "garbage": _garbage,
    "long-head": _long_head,
    "drip": _drip,
    "stall": _stall,
    "stall-at-once": _stall_at_once,
}

BYTE_FAULTS = tuple(_FAULTS)
"""Every name a schedule of the proxy may use, besides "ok"."""

SLOW = frozenset({"long-length-stall", "drip", "stall", "stall-at-once"})
"""Those that end by somebody's patience."""
