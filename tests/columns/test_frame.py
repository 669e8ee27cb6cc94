from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.columns import frame as framing
from cdr_engine.columns.fields import field_counts


def records(payload: bytes, wrapped: list[tuple[int, int]] | None = None) -> list[bytes]:
    """The records that a payload is laid out in."""
    laid = framing.frame(payload, wrapped or [])
    found = [payload[a:b] for a, b in zip(laid.starts.tolist(), laid.ends.tolist(), strict=True)]
    assert len(payload) == laid.blank_bytes + sum(map(len, found))
    return found


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"\r", []),
        (b"\r\n", []),
        (b"\n\r\n\r", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a\n"]),
        (b"a\r", [b"a\r"]),
        (b"a\r\n", [b"a\r\n"]),
        (b"a\r\r\n", [b"a\r"]),
        (b"a\n\rb", [b"a\n", b"b"]),
        (b"a\r\nb\rc\nd", [b"a\r\n", b"b\r", b"c\n", b"d"]),
        (b"\n\na\n\n\nb\n\n", [b"a\n", b"b\n"]),
        (b"\r\na\r\n\r\nb", [b"a\r\n", b"b"]),
        (b"\ra\r\rb\r", [b"a\r", b"b\r"]),
        (b" \n", [b" \n"]),
        (b"a\0\n", [b"a\0\n"]),
    ],
)
def test_line_ends_and_blank_lines(payload: bytes, expected: list[bytes]) -> None:
    """LF, CR and CRLF end records in any mix; blank lines are counted and left out."""
    assert expected == records(payload)


@given(st.lists(st.sampled_from([b"a", b"b,c", b"\n", b"\r", b"\r\n"]), max_size=30))
@settings(max_examples=300)
def test_any_mix(parts: list[bytes]) -> None:
    """Records are what a pattern for lines finds, whatever the mix."""
    payload = b"".join(parts)

    assert re.findall(rb"[^\r\n]+(?:\r\n|\n|\r)?", payload) == records(payload)


def test_wrapped() -> None:
    """Line ends inside quotes do not end a record, blank ones neither."""
    parts = [b"1\n", b'"a\n\r\nb"\r\n', b'"c\r"\n', b"\n", b"2\r", b'"\n\n"']
    payload = b"".join(parts)
    starts = [payload.index(parts[n]) for n in (1, 2, 5)]
    wrapped = [(start, start + len(parts[n])) for start, n in zip(starts, (1, 2, 5), strict=True)]

    assert [part for part in parts if part != b"\n"] == records(payload, wrapped)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", (0, True)),
        (b"a\nb\n", (2, True)),
        (b"a\nb", (2, True)),
        (b"a\r\nb\r\n", (2, True)),
        (b"a\n\nb\n", (3, True)),
    ],
)
def test_plain(payload: bytes, expected: tuple[int, bool]) -> None:
    """Without a CR that stands alone, lines are all there is to know."""
    assert expected == framing.is_plain(payload)


@pytest.mark.parametrize("payload", [b"a\rb\n", b"a\r", b"a\n\rb\n", b"a\r\r\nb\n", b"\r"])
def test_not_plain(payload: bytes) -> None:
    """A CR that stands alone, or might at the end, calls for a closer look."""
    assert framing.is_plain(payload)[1] is False


@pytest.mark.parametrize(
    "payload", [b"0x10", b"a,0X1", b"\n0x", b"-0x1", b' 0x1"', b"1,0x", b"00x1,0x1"]
)
def test_hexadecimal(payload: bytes) -> None:
    """A cell that begins with 0x is found at even and odd places, in either case."""
    assert framing.has_hexadecimal(payload)
    assert framing.has_hexadecimal(b"," + payload)


@pytest.mark.parametrize("payload", [b"", b"x", b"0", b"10x10", b"a0x", b"00x1", b"xX0,x0"])
def test_no_hexadecimal(payload: bytes) -> None:
    """Within a longer word 0x is no number's beginning."""
    assert not framing.has_hexadecimal(payload)
    assert not framing.has_hexadecimal(b"a" + payload)


def test_undecodable() -> None:
    """Records that are not UTF-8 are named each once, those between them are not."""
    parts = [
        *(b"ok\n", b"\xff\xfe\n", "é\n".encode(), b"\xc3\n", b"\xc0\x80\n", b"\xed\xa0\x80\n"),
        *("😀\n".encode(), b"\xf4\x90\x80\x80\n", b"x\x80y\x80\n", b"end\xe2\x82"),
    ]
    payload = b"".join(parts)
    found = framing.undecodable(payload, framing.frame(payload, []))

    assert [1, 3, 4, 5, 7, 8, 9] == found.tolist()


CELLS = st.sampled_from(["", "a", "b c", '"a,b"', '"a""b"', '""', "x'y", '"a|b"'])


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=12),
    st.sampled_from([",", "|", "\t"]),
)
@settings(max_examples=200)
def test_field_counts(rows: list[list[str]], delimiter: str) -> None:
    """Records whose number of fields the csv module finds to be another one are named."""
    lines = [delimiter.join(row) + "\n" for row in rows if row != [""]]
    payload = "".join(lines).encode()
    expected = [
        number
        for number, row in enumerate(csv.reader(io.StringIO("".join(lines)), delimiter=delimiter))
        if len(row) != 3
    ]
    laid = framing.frame(payload, [])

    counts = field_counts(payload, laid, delimiter.encode(), 3)
    assert expected == np.flatnonzero(counts != 3).tolist()
