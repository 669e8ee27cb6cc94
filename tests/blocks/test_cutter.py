from __future__ import annotations

import csv
import io
import random

import pytest
from cutting import Cut, assert_accounted, cut, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.blocks import BlockCutter
from cdr_engine.errors import HeaderError
from cdr_engine.schema import NAMES

HEADER = b"uii,ani,profile_name,dnis\n"
"""Four columns are enough to see how records are framed."""


def all_ways(body: bytes, *, limit: int = 4096) -> Cut:
    """Cut whole, byte by byte, at every single place and in blocks of several sizes: all agree."""
    whole = cut([body], limit=limit)
    assert_accounted(body, whole)
    assert cut(pieces(body, 1), limit=limit) == whole
    assert cut(pieces(body, 7), block_bytes=1 << 20, limit=limit) == whole
    for at in range(1, len(body)):
        assert cut([body[:at], body[at:]], limit=limit) == whole
    for block_bytes in (1, 16, 64, 256):
        assert cut(pieces(body, 3), block_bytes=block_bytes, limit=limit) == whole
    return whole


def rows(payload: bytes) -> list[list[str]]:
    """Rows as the standard library's reader sees them."""
    text = io.StringIO(payload.decode(), newline="")
    return [row for row in csv.reader(text) if row]


def reasons(result: Cut) -> list[tuple[str, bytes]]:
    """What was rejected and why, in order."""
    return [(reject.reason, reject.raw) for reject in result.rejects]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    """LF, CRLF and CR end a line wherever the chunks are cut, also within the CRLF."""
    body = HEADER + b"1,2,3,4\n5,6,7,8\n"
    result = all_ways(body.replace(b"\n", end))

    assert [["1", "2", "3", "4"], ["5", "6", "7", "8"]] == rows(result.payload)


def test_mixed_line_ends() -> None:
    """Every line of a file may end in its own way."""
    result = all_ways(HEADER + b'1,2,3,4\r5,"6",7,8\r\n9,"a\rb",c,d\n\r\ne,f,g,h\r"i",j,k,l')

    assert 5 == len(rows(result.payload))
    assert () == result.rejects


def test_no_final_newline() -> None:
    """The last record comes out although nothing ends it."""
    assert b"1,2,3,4\n5,6,7,8" == all_ways(HEADER + b"1,2,3,4\n5,6,7,8").payload


def test_line_break_inside_quotes() -> None:
    """CR, LF and CRLF inside quotes belong to the field."""
    body = HEADER + b'1,"a\nb",3,4\n5,"c\r\nd",7,8\n9,"e\rf",11,12\n'
    result = all_ways(body)

    assert ["a\nb", "c\r\nd", "e\rf"] == [row[1] for row in rows(result.payload)]
    assert 3 == len(result.wrapped)


def test_doubled_quotes_and_delimiters_inside_quotes() -> None:
    """Quoted fields may hold doubled quotes and delimiters."""
    result = all_ways(HEADER + b'1,"a ""b"", c",3,4\n"","""",""",""","d"\n')

    assert [["1", 'a "b", c', "3", "4"], ["", '"', '","', "d"]] == rows(result.payload)


def test_byte_order_mark() -> None:
    """A BOM in front of the header is part of the header."""
    result = all_ways(b"\xef\xbb\xbf" + HEADER + b"1,2,3,4\n")

    assert (len(HEADER) + 3, b"1,2,3,4\n") == (result.header, result.payload)


def test_utf8_sequence_split() -> None:
    """A character of several bytes survives any cut."""
    body = HEADER + "1,2,Zoë 😀,4\n".encode()

    assert "Zoë 😀" == rows(all_ways(body).payload)[0][2]


def test_quote_inside_unquoted_field_is_a_byte() -> None:
    """A quote that does not open a field is kept as it is."""
    result = all_ways(HEADER + b'1,5" pipe,3",4\n')

    assert (b'1,5" pipe,3",4\n', ()) == (result.payload, result.rejects)


@pytest.mark.parametrize("block_bytes", [1, 24, 1 << 20])
def test_text_after_closing_quote(block_bytes: int) -> None:
    """Text behind a closing quote costs no more than its line: the block says that one is there."""
    bad = b'5,"x"y,"7,8\n'
    body = HEADER + b"1,2,3,4\n" + bad + b'9,"10",11,12\n'
    result = all_ways(body)
    cutter = BlockCutter(block_bytes=block_bytes)
    blocks = [*cutter.feed(body), *cutter.finish()]

    assert (body.removeprefix(HEADER), ()) == (result.payload, result.rejects)
    assert all(block.has_misquoted for block in blocks if bad in block.payload)
    assert any(bad in block.payload for block in blocks)


def test_quote_never_closed() -> None:
    """A quote that never closes costs its own row: the next line has the right shape."""
    good = b"".join(b"%d,b,c,d\n" % n for n in range(100))
    result = all_ways(HEADER + good + b'x,"y,z,w\n' + good)

    assert [("unbalanced quote", b'x,"y,z,w\n')] == reasons(result)
    assert good + good == result.payload


def test_stray_quotes_do_not_make_small_blocks() -> None:
    """A window in which quotes are left open at many places is one block all the same."""
    good = b"".join(b"%d,%b,c,d\n" % (n, b"b" * 60) for n in range(300))
    body = HEADER + (good + b'x,"y,z,w\n') * 10 + good
    cutter = BlockCutter(block_bytes=len(body))
    blocks = [*cutter.feed(body), *cutter.finish()]

    assert [10] == [len(block.rejects) for block in blocks]
    assert good * 11 == blocks[0].payload


def test_quote_open_at_the_end() -> None:
    """A body that ends inside a quote keeps its last line as a reject."""
    result = all_ways(HEADER + b'1,2,3,4\n5,"6,7,8')

    assert [("unbalanced quote", b'5,"6,7,8')] == reasons(result)


def test_lines_between_an_open_quote_and_the_next_record_are_one_reject() -> None:
    """Lines of the wrong shape behind a runaway quote belong to the same reject."""
    result = all_ways(HEADER + b'1,"a\nb\nc"d,3,4\n5,6,7,8\n')

    assert [("unbalanced quote", b'1,"a\nb\nc"d,3,4\n')] == reasons(result)
    assert b"5,6,7,8\n" == result.payload


def test_two_stray_quotes_that_make_a_wrong_record() -> None:
    """Two stray quotes whose record would have too many fields cost their own rows only."""
    result = all_ways(HEADER + b'1,"2,3,4\n5,6,7,8\n9",10,11,12\n13,14,15,16\n')

    assert b"5,6,7,8\n" in result.payload
    assert b"13,14,15,16\n" in result.payload


def test_record_over_the_limit() -> None:
    """A line over the limit is one reject, its first bytes kept, and the next one is read."""
    long = b"1," + b"x" * 300 + b",3,4\n"
    result = all_ways(HEADER + b"a,b,c,d\n" + long + b"5,6,7,8\n", limit=128)

    assert [("too long", long)] == reasons(result)
    assert b"a,b,c,d\n5,6,7,8\n" == result.payload


def test_record_of_exactly_the_limit() -> None:
    """The limit itself is allowed, one byte more is not."""
    line = b"1," + b"x" * 120 + b",3,4\n"
    body = HEADER + line

    assert () == all_ways(body, limit=len(line)).rejects
    assert 1 == len(all_ways(body, limit=len(line) - 1).rejects)


def test_repeated_header() -> None:
    """A header that comes again is a header, not a row; also behind a BOM."""
    result = all_ways(HEADER + b"1,2,3,4\n" + HEADER + b"\xef\xbb\xbf" + HEADER + b"5,6,7,8\n")

    assert 3 * len(HEADER) + 3 == result.header
    assert b"1,2,3,4\n5,6,7,8\n" == result.payload


OTHERS = [
    b"ani,uii,profile_name,dnis\n",
    b"uii,ani,dnis,media_code\n",
    (",".join(NAMES[::-1]) + "\n").encode(),
    (",".join([*NAMES, "attempt_3_disp"]) + "\n").encode(),
]
"""Headers of other tables: as many names as the own one, or all names of the report."""


@pytest.mark.parametrize("other", OTHERS, ids=["order", "columns", "report", "longer report"])
def test_second_table(other: bytes) -> None:
    """Another header begins another table: all below it is foreign, until the own header."""
    table = other + b'9,9,9,9\n8,"8\n",8,8\n'
    result = all_ways(HEADER + b"1,2,3,4\n" + table + HEADER + b"5,6,7,8\n")

    assert b"1,2,3,4\n" + table + b"5,6,7,8\n" == result.payload
    assert table == result.foreign
    assert 2 * len(HEADER) == result.header


DAMAGED = [
    b"uii,ani,profile_namednis\n",
    b"uii,ani,profile_name,,dnis\n",
    b"uii,a,ni,profile_name,dnis\n",
    b"uii,ani,profile_name\n",
    b'uii,"ani"x,profile_name,dnis\n',
    (",".join(NAMES[:-1]) + "\n").encode(),
    (",".join([*NAMES, ""]) + "\n").encode(),
    (",".join([*NAMES, "ani"]) + "\n").encode(),
]
"""Lines that are only like a header."""


@pytest.mark.parametrize("damaged", DAMAGED)
def test_damaged_header(damaged: bytes) -> None:
    """A header with a delimiter too few or too many is a line like others: nothing is foreign."""
    result = all_ways(HEADER + b"1,2,3,4\n" + damaged + b"5,6,7,8\n")

    assert b"1,2,3,4\n" + damaged + b"5,6,7,8\n" == result.payload
    assert b"" == result.foreign


def test_header_text_inside_quotes_is_a_value() -> None:
    """A header line inside a quoted field is text."""
    body = HEADER + b'1,"x\n' + HEADER + b'y",3,4\n5,6,7,8\n'
    result = all_ways(body)

    assert (len(HEADER), ()) == (result.header, result.rejects)
    assert 2 == len(rows(result.payload))


def test_preamble() -> None:
    """Lines in front of the header are rejects, blank ones blank."""
    result = all_ways(b"Report of today\n\nsep=,\n" + HEADER + b"1,2,3,4\n")

    assert ["before the header", "before the header"] == [r.reason for r in result.rejects]
    assert (1, b"1,2,3,4\n") == (result.blank, result.payload)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no bytes"),
        (b"\n\n", "no header line"),
        (b"<html><body>hello</body></html>", "no header line"),
        (b"a,b,c\n1,2,3\n", "no header line"),
        (b"x" * 100_000, "no line end"),
        ("uii,ani\n1,2\n".encode("utf-16"), "UTF-16"),
    ],
    ids=["empty", "blank", "html", "other", "endless", "utf16"],
)
def test_no_header(body: bytes, says: str) -> None:
    """A body without the report's header is refused with what was found."""
    with pytest.raises(HeaderError, match=says):
        cut([body])


@pytest.mark.parametrize("mark", [b"|", b"\t"])
def test_delimiter_is_recognised(mark: bytes) -> None:
    """PIPE and TAB are recognised from the header line."""
    cutter = BlockCutter()
    cutter.feed((HEADER + b"1,2,3,4\n").replace(b",", mark))
    cutter.finish()

    assert cutter.header is not None
    assert mark == cutter.header.dialect.delimiter


TEXT = st.text(st.sampled_from('ab,"\r\n \té😀|'), max_size=8)


@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_valid_records_against_the_standard_library(
    records: list[tuple[str, ...]], end: str, quoting: int, rng: random.Random
) -> None:
    """Whatever the csv module writes comes out as the csv module reads it, for every cut."""
    if quoting == csv.QUOTE_MINIMAL:  # it leaves line breaks unquoted that are not its own
        records = [tuple(" ".join(cell.splitlines()) for cell in row) for row in records]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(records)
    body = HEADER + text.getvalue().encode()
    whole = cut([body])

    assert_accounted(body, whole)
    assert () == whole.rejects
    assert list(map(list, records)) == [row for row in rows(whole.payload) if row]
    for block_bytes in (1, 32):
        cuts = sorted(rng.sample(range(len(body)), min(len(body), rng.randrange(9))))
        chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert cut(chunks, block_bytes=block_bytes) == whole


BYTES = st.lists(
    st.sampled_from([b"a", b",", b'"', b"\n", b"\r\n", b"\r", b"x,y,z,w\n", b'"q",', HEADER]),
    max_size=40,
).map(b"".join)


@given(BYTES, st.integers(8, 64), st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None)
def test_any_bytes_cut_anyhow(tail: bytes, limit: int, rng: random.Random) -> None:
    """For bytes of any kind, what comes out never depends on chunks or blocks."""
    body = HEADER + tail
    whole = cut([body], limit=limit)

    assert_accounted(body, whole)
    assert cut(pieces(body, 1), block_bytes=1, limit=limit) == whole
    for block_bytes in (8, 40, 100):
        cuts = sorted(rng.sample(range(len(body)), 3))
        chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert cut(chunks, block_bytes=block_bytes, limit=limit) == whole


def test_what_is_held_is_bounded() -> None:
    """A gigabyte-like line without end is passed over without being kept."""
    cutter = BlockCutter(block_bytes=1 << 16)
    cutter.feed(HEADER)
    for _ in range(500):
        assert [] == cutter.feed(b'x,"' + b"y" * 65533)
        assert cutter._held <= 3 << 16
    (block,) = cutter.finish()

    assert 500 * 65536 == block.rejects[0].length
    assert 1 << 16 == len(block.rejects[0].raw)
