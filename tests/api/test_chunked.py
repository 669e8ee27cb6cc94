"""The chunked coding undone, against h11, which is httpx's own reading of the same bytes."""

from __future__ import annotations

import itertools

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdr_engine.api.chunked import BadFraming, unchunked

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BYTES = st.binary(max_size=40) | st.text("0123456789abcdefF;= \r\n\t", max_size=40).map(str.encode)


def read(body: bytes, cuts: list[int]) -> tuple[bytes, bool]:
    """The content of a body that arrives cut at these places, and whether it was whole."""
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(places)]
    arriving = iter([piece for piece in pieces if piece])
    content = b""
    try:
        for part in unchunked(lambda: next(arriving, b"")):
            content += part
    except BadFraming:
        return content, False
    return content, True


def by_h11(body: bytes) -> tuple[bytes, bool]:
    """The same, as h11 reads it."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(HEAD + body)
    content, is_ended = b"", False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if is_ended:
                    return content, False
                connection.receive_data(b"")
                is_ended = True
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return content, True
    except h11.RemoteProtocolError:
        return content, False


def chunked(parts: list[bytes], extension: bytes = b"", trailer: bytes = b"") -> bytes:
    """Parts as chunks, an empty one left out: it would be the last."""
    chunks = [b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts if part]
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


@settings(deadline=None)
@given(
    parts=st.lists(BYTES, max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    extension=st.sampled_from([b"", b";a=b", b" ", b";x "]),
    trailer=st.sampled_from([b"", b"Digest: 7\r\n", b"A: b\r\nC: d\r\n"]),
)
def test_content_is_whole(
    parts: list[bytes], cuts: list[int], extension: bytes, trailer: bytes
) -> None:
    """However chunks are cut in two on their way, their content comes out, whole."""
    body = chunked(parts, extension, trailer)

    assert (b"".join(parts), True) == read(body, cuts)


@settings(deadline=None)
@given(parts=st.lists(BYTES, max_size=4), at=st.integers(0, 400), cuts=st.lists(st.integers(0, 99)))
def test_a_cut_body_is_not_whole(parts: list[bytes], at: int, cuts: list[int]) -> None:
    """A body that lacks bytes at its end is never taken for a whole one."""
    body = chunked(parts)

    content, is_whole = read(body[: at % len(body)], cuts)

    assert not is_whole
    assert b"".join(parts).startswith(content)


@settings(deadline=None, max_examples=400)
@given(
    parts=st.lists(BYTES, max_size=4),
    at=st.integers(0, 400),
    gone=st.integers(0, 4),
    put=BYTES,
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
@example(parts=[b"abc"], at=0, gone=1, put=b"+3", cuts=[])
@example(parts=[b"abc"], at=0, gone=1, put=b"0x3", cuts=[])
@example(parts=[b"abc"], at=0, gone=1, put=b"3_0", cuts=[])
@example(parts=[b"abc"], at=0, gone=1, put=b"", cuts=[])
def test_damage_is_seen_as_h11_sees_it(
    parts: list[bytes], at: int, gone: int, put: bytes, cuts: list[int]
) -> None:
    """Bytes changed anywhere never make a body whole that h11 refuses, nor change its content."""
    body = chunked(parts)
    at %= len(body) + 1
    damaged = body[:at] + put + body[at + gone :]

    content, is_whole = read(damaged, cuts)
    expected, is_h11s = by_h11(damaged)

    if is_whole and is_h11s:
        assert expected == content
    assert is_whole <= is_h11s, (content, expected)


@pytest.mark.parametrize(
    "body",
    [b"1" * 5000, b"3;" + b"x" * 5000, b"0\r\n" + b"A: b\r\n" * 20_000],
    ids=["size", "extension", "trailer"],
)
def test_endless_lines(body: bytes) -> None:
    """A line or a trailer that does not end is refused before it fills the memory."""
    assert (b"", False) == read(body, [])
