from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.columns import frame as framing
from cdr_engine.columns.fields import MALFORMED, field_counts


def counts(payload: bytes, expected: int, delimiter: bytes = b",") -> list[int]:
    """Field counts of the records of a payload."""
    return field_counts(payload, framing.frame(payload, []), delimiter, expected).tolist()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"a,b,c\n", 3),
        (b",,\n", 3),
        (b'"a","b","c"\n', 3),
        (b'"a,b",c,d\n', 3),
        (b'"a""b","""","c"""\n', 3),
        (b'"","",""', 3),
        (b'5" pipe,3",c\r\n', 3),
        (b'a",b"",c""d\n', 3),
        (b'"a,b",c" d,e\n', 3),
        (b'"a"b,c,d\n', MALFORMED),
        (b'a,"b" ,c\n', MALFORMED),
        (b'a,"b""c,d\n', MALFORMED),
        (b'a,b,"c\n', MALFORMED),
        (b'"a"",b,c"d,"e,f\n', MALFORMED),
    ],
)
@pytest.mark.parametrize("mark", [b",", b"|", b"\t"])
def test_fields_of_one_record(record: bytes, expected: int, mark: bytes) -> None:
    """Delimiters in quotes are text, quotes in unquoted fields bytes; the rest is no record."""
    beside = b"x,y,z\n" + record.rstrip(b"\r\n") + b'\n"x","y",z\n'

    assert [3, expected, 3] == counts(beside.replace(b",", mark), 3, mark)


FIELD = rb'(?:"(?:[^"]|"")*"|[^",\n][^,\n]*|)'
RECORD = re.compile(rb"%b(?:,%b)*" % (FIELD, FIELD))
ONE = re.compile(rb"(%b)(,|\Z)" % FIELD)


def slowly(line: bytes, expected: int) -> int | None:
    """Fields of one line by a pattern; None where nobody promises a number."""
    if line.count(b",") + 1 < expected:
        return None
    if RECORD.fullmatch(line) is None:
        return MALFORMED
    found = 0
    at = 0
    while True:
        match = ONE.match(line, at)
        assert match is not None
        found, at = found + 1, match.end()
        if not match[2]:
            return found


@given(st.lists(st.text('a,"', min_size=1, max_size=9), min_size=1, max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_quotes(texts: list[str]) -> None:
    """Whether a line is a record of three fields never depends on the lines beside it."""
    lines = [text.encode() for text in texts]
    found = counts(b"\n".join(lines) + b"\n", 3)
    expected = [slowly(line, 3) for line in lines]

    for count, number in zip(found, expected, strict=True):
        if number is None:
            assert 3 != count != MALFORMED
        else:
            assert (count == 3, count == MALFORMED) == (number == 3, number == MALFORMED)


def test_nothing_to_count() -> None:
    """A payload without records has no counts."""
    assert [] == counts(b"", 3)
    assert np.array_equal(np.zeros(0), field_counts(b"\n\n", framing.frame(b"\n\n", []), b",", 3))
