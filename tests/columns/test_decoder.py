from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.columns import Decoded, Decoder, plain
from cdr_engine.ledger import Reject
from cdr_engine.pipeline import Report
from cdr_engine.rejected import listed
from cdr_engine.schema import COLUMNS, HEADER, NAMES

ZONE = "America/New_York"


class Given(NamedTuple):
    """A block as a cutter would hand it on."""

    payload: bytes
    segments: tuple[tuple[int, int], ...] = ((0, 0),)
    wrapped: tuple[tuple[int, int], ...] = ()
    foreign: tuple[tuple[int, int], ...] = ()
    has_misquoted: bool = False
    rejects: tuple[Reject, ...] = ()
    header_bytes: int = 0
    blank_bytes: int = 0


def decoder(*names: str) -> Decoder:
    """A decoder of these columns."""
    return Decoder(names, delimiter=b",", time_zone=ZONE)


def rows(decoded: Decoded) -> list[dict[str, Any]]:
    """Rows without what is NULL."""
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in plain(decoded.batch).to_pylist()
    ]


def line(**cells: str) -> bytes:
    """One record with these cells, uii given where it is not named."""
    values = {"uii": "'202004250912250132110000003150"} | cells
    return (",".join(values.get(name, "") for name in NAMES) + "\n").encode()


def read(body: bytes, block: int = 1 << 22) -> tuple[list[dict[str, Any]], Report]:
    """Rows of a body, and the report they came from."""
    report = Report([body], time_zone=ZONE, block_bytes=block)
    found = [row for batch in report.to_batches() for row in batch.to_pylist()]
    return found, report


@pytest.mark.parametrize(
    ("names", "unknown"),
    [
        (["uii", "ani", "ani"], ("ani_3",)),
        (["uii", "x", "x", "x"], ("x", "x_3", "x_4")),
        (["x_3", "uii", "x", "x"], ("x_3", "x", "x_4")),
        (["uii", "x_3", "x", "x_4", "x"], ("x_3", "x", "x_4", "x_5")),
        (["x_3", "x", "x", "uii"], ("x_3", "x", "x_3_3")),
        (["uii", "", ""], ("column_2", "column_3")),
        (["uii", "column_3", ""], ("column_3", "column_3_3")),
        (["uii", "uii"], ("uii_2",)),
    ],
)
def test_names_that_occur_again(names: list[str], unknown: tuple[str, ...]) -> None:
    """Repeated and empty names are told apart; the first keeps its name, and no cell is lost."""
    reading = decoder(*names)
    cells = [str(number) for number in range(len(names))]
    (row,) = rows(reading.decode(Given((",".join(cells) + "\n").encode())))

    assert unknown == reading.unknown
    assert sorted(cells) == sorted(map(str, row.values()))


def test_missing_columns() -> None:
    """Columns the header lacks are listed once, in the report's order, and NULL in each row."""
    body = b"queue_time,uii\n" + b"5,'1\n" * 500
    found, report = read(body, block=64)

    assert tuple(name for name in NAMES if name not in ("queue_time", "uii")) == (
        report.decoder.missing
    )
    assert [{"queue_time": 5, "uii": "1"}] * 500 == [
        {name: value for name, value in row.items() if value is not None} for row in found
    ]
    assert [*NAMES] == [*found[0]]


def test_columns_nobody_knows() -> None:
    """Extra columns are kept as text under their own names, trimmed, empty ones NULL."""
    extra = ["attempt_3_disp", "Ünïcode", "with space", "a-b", "0", "ANI", "account_id"]
    body = ",".join([*NAMES, *extra]) + "\n"
    body += ",".join(["", "", "'1", *[""] * 31, " x ", "007", "é", "1", "0x10", "", "+1"]) + "\n"
    ((row,), report) = read(body.encode())

    assert tuple(extra) == report.decoder.unknown
    assert ["x", "007", "é", "1", "0x10", None, "+1"] == [row[name] for name in extra]
    assert [] == report.rejects


def test_only_the_key() -> None:
    """A report of one column is one column and 33 that are missing."""
    reading = decoder("uii")
    decoded = reading.decode(Given(b"'1\n'2\n"))

    assert [{"uii": "1"}, {"uii": "2"}] == rows(decoded)
    assert 33 == len(reading.missing)


def test_empty_block() -> None:
    """A block that carries header and blank bytes only is no rows, and its bytes are counted."""
    decoded = decoder(*NAMES).decode(Given(b"", (), header_bytes=9, blank_bytes=2))

    assert (0, 11, 9, 2) == (
        decoded.batch.num_rows,
        decoded.ledger.bytes,
        decoded.ledger.header_bytes,
        decoded.ledger.blank_bytes,
    )


@pytest.mark.parametrize("block", [1, 400, 1 << 20])
def test_byte_order_mark_further_down(block: int) -> None:
    """A BOM inside the body belongs to its cell, wherever blocks begin."""
    named = ",".join(["profile_name", *(n for n in NAMES if n != "profile_name")])
    record = b"DTE,,'1" + b"," * 31 + b"\n"
    body = named.encode() + b"\n" + record + b"\xef\xbb\xbf" + record + record
    found, report = read(body, block)

    assert ["DTE", "\ufeffDTE", "DTE"] == [row["profile_name"] for row in found]
    assert [] == report.rejects


@pytest.mark.parametrize("block", [1, 400, 1 << 20])
def test_byte_order_mark_before_a_number(block: int) -> None:
    """In front of a number it makes the cell no number: the call is kept, the cell is listed."""
    record = line(cloud_profile_id="1111")
    body = HEADER.encode() + b"\n" + record + b"\xef\xbb\xbf" + record + record
    found, report = read(body, block)

    assert [1111, None, 1111] == [row["cloud_profile_id"] for row in found]
    assert [("cloud_profile_id", 2, "\ufeff1111".encode())] == [
        (reject.column, reject.record, reject.raw) for reject in report.rejects
    ]


@pytest.mark.parametrize("block", [300, 1000, 1 << 20])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_numbers_of_rejects_over_many_blocks(block: int, line_end: bytes) -> None:
    """Each reject carries the number and the offset of its record in the whole body."""
    rng = random.Random(block)
    kinds = {
        "good": (line(), None, None),
        "blank": (b"\n", None, None),
        "short": (b"1,2,3\n", "wrong field count", None),
        "bytes": (line(ani="X").replace(b"X", b"\xff"), "not UTF-8", None),
        "quote": (line(ani='"x"y'), "unbalanced quote", None),
        "cell": (line(queue_time="five"), REASON, "queue_time"),
        "two": (line(queue_time="five", connected_duration="six"), REASON, "queue_time"),
        "nobody": (line(uii=""), "no uii", None),
    }
    body = HEADER.encode() + line_end
    expected = []
    number = 0
    for name in rng.choices([*kinds], weights=[9, 2, 1, 1, 1, 1, 1, 1], k=300):
        record, reason, column = kinds[name]
        number += name != "blank"
        if reason:
            expected.append((number, len(body), reason, column))
        if name == "two":
            expected.append((number, len(body), reason, "connected_duration"))
        body += record[:-1] + line_end
    _, report = read(body, block)

    assert expected == [
        (reject.record, reject.byte_offset, reject.reason, reject.column)
        for reject in report.rejects
    ]
    assert number == report.ledger.records


REASON = "not a whole number of 32 bits"

ODD = st.text(alphabet="0123456789+-xXeE.,_ \t'/:AMPamp\u00a0\u202fé%#YesNo\"", max_size=9)
LIKELY = st.sampled_from(
    [
        *(
            "",
            " ",
            "  ",
            "\t",
            "0",
            "007",
            "-0",
            "-1",
            "+1",
            "0x1",
            "0X1f",
            "-0x1",
            " 5",
            "5 ",
            "\t5",
        ),
        *("1e3", "1.0", "2147483647", "2147483648", "-2147483648", "-2147483649", "0" * 30 + "5"),
        *(
            "9223372036854775807",
            "9223372036854775808",
            "NULL",
            "null",
            "NaN",
            "nan",
            "N/A",
            "#N/A",
        ),
        *("inf", "true", "TRUE", "Yes", "no", "maybe", "'", "''", "'1", "4/20/20 6:12 AM", "'0x1"),
        *("\ufeff1", "1\u00a0", "1_0", "0b1", "0o7", "1l", "00x1", "--1", "0 x1"),
    ]
)


@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(LIKELY, ODD), max_size=6))
@settings(max_examples=400, deadline=None)
def test_values_do_not_depend_on_the_neighbours(cells: dict[str, str]) -> None:
    """A record gives the same row and rejects alone and beside records that have to be mended."""
    quoted = {name: '"' + text.replace('"', '""') + '"' for name, text in cells.items()}
    uii = quoted.pop("uii", "'1")
    record = line(uii=uii, **quoted)
    alone = decoder(*NAMES).decode(Given(record))
    beside = decoder(*NAMES).decode(Given(record + line(uii="'9", queue_time="five")))

    assert rows(alone) == rows(beside)[:-1]
    assert listed(alone.rejects) == listed(beside.rejects)[:-1]
    assert alone.batch.num_rows + 1 == beside.batch.num_rows


def oracle(kind: str, text: str) -> object:
    """What a person reads off a clean cell."""
    text = text.strip(" ")
    if not text:
        return None
    if kind in ("int32", "int64"):
        return int(text)
    return {"Yes": True, "No": False}[text] if kind == "flag" else text


CLEAN = {
    "int32": st.integers(-(2**31), 2**31 - 1).map(str),
    "int64": st.integers(-(2**63), 2**63 - 1).map(str),
    "flag": st.sampled_from(["Yes", "No", "Yes  "]),
    "text": st.text(st.characters(codec="utf-8", exclude_characters='",\r\n\0'), max_size=8),
}


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_clean_cells(drawn: st.DataObject) -> None:
    """Cells that fit have the value a person reads off them."""
    columns = [column for column in COLUMNS if column.kind in CLEAN]
    cells = {column.name: drawn.draw(CLEAN[column.kind]) for column in columns}
    decoded = decoder(*NAMES).decode(Given(line(**cells)))
    expected = {column.name: oracle(column.kind, cells[column.name]) for column in columns}

    assert [] == listed(decoded.rejects)
    assert [{name: value for name, value in expected.items() if value is not None}] == [
        {name: value for name, value in row.items() if name != "uii"} for row in rows(decoded)
    ]


def test_after_trouble() -> None:
    """A decoder reads clean blocks the same before, behind and without a block in trouble."""
    clean, spoilt = line(queue_time="007", ani=" 1 "), line(queue_time="x") + b"1,2\n"
    reading = decoder(*NAMES)
    found = [rows(reading.decode(Given(part))) for part in (clean, spoilt, clean, clean, clean)]

    assert 7 == found[0][0]["queue_time"]
    assert found[0] == found[2] == found[3] == found[4]


def test_several_threads() -> None:
    """One decoder decodes blocks from several threads at once, each as if it were alone."""
    rng = random.Random(7)
    blocks = [
        Given(
            b"".join(
                line(
                    queue_time=rng.choice(["1", "x"] if number % 3 else ["1"]),
                    enqueue_time=f"{rng.randrange(1, 13)}/3/24 1:{rng.randrange(60):02d} AM",
                )
                for _ in range(50)
            )
        )
        for number in range(60)
    ]
    alone = [decoder(*NAMES).decode(block) for block in blocks]
    reading = decoder(*NAMES)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(reading.decode, blocks))

    assert [(rows(one), one.rejects, one.ledger) for one in alone] == [
        (rows(one), one.rejects, one.ledger) for one in together
    ]


def test_times_of_dst_are_counted() -> None:
    """Rows whose time occurs twice, or never, are counted in the ledger and kept."""
    body = line(enqueue_time="11/3/24 1:30 AM", dequeue_time="11/3/24 1:31 AM") + line(
        enqueue_time="3/10/24 2:30 AM"
    )
    decoded = decoder(*NAMES).decode(Given(body))

    assert (2, 1, 2) == (
        decoded.ledger.ambiguous_times,
        decoded.ledger.missing_times,
        decoded.ledger.rows,
    )
    assert datetime(2024, 11, 3, 5, 30, tzinfo=UTC) == rows(decoded)[0]["enqueue_time"]


def test_offsets_through_segments() -> None:
    """Offsets of rejects are those of the body, although the payload was put together."""
    first, second = line(queue_time="x"), line(queue_time="y")
    block = Given(first + second, ((0, 1000), (len(first), 5000)))
    decoded = decoder(*NAMES).decode(block)

    assert [(1000, 1), (5000, 2)] == [
        (reject.byte_offset, reject.record) for reject in listed(decoded.rejects)
    ]


def test_schema_of_batches() -> None:
    """Every batch has the decoder's schema, and text that repeats comes as a dictionary."""
    reading = decoder(*NAMES, "extra")
    for payload in (line().rstrip() + b",\n", b"1,2\n", line(queue_time="x").rstrip() + b",y\n"):
        assert reading.schema == reading.decode(Given(payload)).batch.schema
    assert pa.types.is_dictionary(reading.schema.field("extra").type)
    assert pa.types.is_string(reading.schema.field("uii").type)
