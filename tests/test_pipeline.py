from __future__ import annotations

import csv
import io
import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.ledger import Ledger, Reject
from cdr_engine.pipeline import Report, read_csv
from cdr_engine.schema import COLUMNS, HEADER, NAMES

ZONE = "America/New_York"


def read(body: bytes, *, chunk: int = 1 << 20, block: int = 1 << 22) -> tuple[list[dict], Report]:
    """Rows as dictionaries, and the report they came from."""
    chunks = (body[at : at + chunk] for at in range(0, len(body), chunk))
    report = Report(chunks, time_zone=ZONE, block_bytes=block)
    rows = [row for batch in report.to_batches() for row in batch.to_pylist()]
    return rows, report


def oracle_value(kind: str, cell: str) -> object:
    """The value a person reads off a cell, by the standard library alone."""
    cell = cell.strip(" ")
    if cell == "":
        return None
    if kind == "uii":
        return cell.removeprefix("'") or None
    if kind == "text":
        return cell
    if kind in ("int32", "int64"):
        return int(cell)
    if kind == "flag":
        return cell.lower() in ("yes", "y", "1", "true")
    local = datetime.strptime(cell, "%m/%d/%y %I:%M %p").replace(tzinfo=ZoneInfo(ZONE))
    return local.astimezone(UTC)


def oracle(body: bytes) -> list[dict[str, object]]:
    """Rows of a clean body, by the standard library alone."""
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return [{c.name: oracle_value(c.kind, row[c.name]) for c in COLUMNS} for row in rows]


def random_cell(rng: random.Random, kind: str, letters: str) -> str:
    """A cell that fits its column."""
    if rng.random() < 0.25 and kind != "uii":
        return rng.choice(["", "", "   "])
    pad = " " * rng.choice([0, 0, 0, 3])
    if kind == "uii":
        return "'" + "".join(rng.choices("0123456789", k=30))
    if kind == "int32":
        return str(rng.randrange(-(2**31), 2**31)) + pad
    if kind == "int64":
        return pad + str(rng.randrange(-(2**63), 2**63))
    if kind == "flag":
        return rng.choice(["Yes", "No", "yes", "N", "1", "0", "TRUE", "false"]) + pad
    if kind == "instant":
        year, month = 2020 + rng.randrange(18), rng.randrange(1, 13)
        hour = rng.randrange(24)
        half = "AM" if hour < 12 else "PM"
        minute = rng.randrange(60)
        return f"{month}/{rng.randrange(1, 29)}/{year % 100} {hour % 12 or 12}:{minute:02d} {half}"
    return pad + "".join(rng.choices(letters, k=rng.randrange(12))) + pad


def random_body(rng: random.Random, rows: int, letters: str, quoting: int) -> bytes:
    """A valid report with values of every kind."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=rng.choice(["\n", "\r\n"]))
    writer.writerow(NAMES)
    for _ in range(rows):
        writer.writerow([random_cell(rng, column.kind, letters) for column in COLUMNS])
    return text.getvalue().encode()


@pytest.mark.parametrize("seed", range(12))
def test_valid_files_against_the_standard_library(seed: int) -> None:
    """Every cell of a valid file has the value that the csv and zoneinfo modules give."""
    rng = random.Random(seed)
    letters = rng.choice(["abc XYZ", 'abc,"; é😀', "a,\"\r\n \t'é", "0123x"])
    quoting = csv.QUOTE_ALL if "\r" in letters else rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    body = random_body(rng, 300, letters, quoting)
    rows, report = read(body, chunk=rng.choice([777, 1 << 16]), block=rng.choice([4096, 1 << 20]))

    assert [] == report.rejects
    assert oracle(body) == rows


GOOD = random_body(random.Random(1), 3, "abc", csv.QUOTE_MINIMAL).splitlines(keepends=True)[1:]
SPOILT = st.one_of(
    st.sampled_from(GOOD),
    st.sampled_from(
        [
            b"\n",
            b"\r\n",
            b"1,2,3\n",
            b"\xff\xfe\n",
            b'"',
            b"\xef\xbb\xbf",
            b"," * 33 + b"\n",
            HEADER.encode() + b"\n",
            GOOD[0].replace(b",", b"|"),
            GOOD[1].replace(b"/", b"?"),
            GOOD[1].replace(b"'", b'"'),
            GOOD[2][:-9] + b"\n",
            GOOD[0].rstrip() + b",\xf0\x9f\n",
            GOOD[0].replace(b"\n", b"\r"),
            b"0x10" + GOOD[0][GOOD[0].index(b",") :],
        ]
    ),
    st.binary(max_size=6),
)


@given(st.lists(SPOILT, max_size=12), st.integers(1, 900), st.sampled_from([64, 700, 5000]))
@settings(max_examples=250, deadline=None)
def test_any_input_is_accounted_for(parts: list[bytes], chunk: int, block: int) -> None:
    """For any bytes: both sums hold, and rows, rejects and ledger depend on the bytes alone."""
    body = HEADER.encode() + b"\n" + b"".join(parts)
    rows, report = read(body)

    assert len(body) == report.ledger.bytes
    assert len(rows) == report.ledger.rows
    for reject in report.rejects:
        if reject.column is None:
            assert reject.raw == body[reject.byte_offset :][: len(reject.raw)]
    again, other = read(body, chunk=chunk, block=block)
    assert (rows, report.ledger, report.rejects) == (again, other.ledger, other.rejects)


def line(**cells: str) -> bytes:
    """One record with these cells, uii given where it is not named."""
    values = {"uii": "'202004250912250132110000003150"} | cells
    return (",".join(values.get(name, "") for name in NAMES) + "\n").encode()


def rejected(body: bytes) -> tuple[list[Reject], Ledger, list[dict]]:
    """Rejects, ledger and rows of the records below a header."""
    rows, report = read(HEADER.encode() + b"\n" + body)
    return report.rejects, report.ledger, rows


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"queue_time": "five"}, "not a whole number of 32 bits"),
        ({"queue_time": "2147483648"}, "not a whole number of 32 bits"),
        ({"queue_time": "0x10"}, "not a whole number of 32 bits"),
        ({"connected_id": "1.5"}, "not a whole number of 64 bits"),
        ({"enqueue_time": "2/30/20 6:12 AM"}, "not a time"),
        ({"dequeue_time": "2020-04-20 06:12"}, "not a time"),
        ({"is_cellular": "maybe"}, "neither yes nor no"),
    ],
)
def test_a_cell_that_does_not_fit(cells: dict[str, str], reason: str) -> None:
    """The cell becomes NULL and is listed with its text; the call is kept."""
    ((name, text),) = cells.items()
    rejects, ledger, rows = rejected(line() + line(**cells) + line())

    offset = len(HEADER) + 1 + len(line())
    assert [Reject(offset, len(text), reason, text.encode(), name, 2)] == rejects
    assert (3, 0, 1) == (ledger.rows, ledger.rejected_records, ledger.rejected_cells)
    assert rows[1] == rows[0]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (line().rstrip() + b",\n", "wrong field count"),
        (line().rstrip()[:-1] + b"\n", "wrong field count"),
        (line(profile_name="X").replace(b"X", b"\xff"), "not UTF-8"),
        (line(uii=""), "no uii"),
        (line(uii="'"), "no uii"),
        (line(uii="  "), "no uii"),
    ],
    ids=["one too many", "one too few", "encoding", "no uii", "apostrophe", "spaces"],
)
def test_a_record_that_cannot_be_kept(record: bytes, reason: str) -> None:
    """The record is rejected with its bytes, place and number; its neighbours stay."""
    rejects, ledger, rows = rejected(line() + b"\n" + record + line())

    offset = len(HEADER) + 1 + len(line()) + 1
    assert [Reject(offset, len(record), reason, record, None, 2)] == rejects
    assert (2, 1, 1) == (ledger.rows, ledger.rejected_records, ledger.blank_bytes)
    assert 2 == len(rows)


def test_a_last_record_cut_short_is_the_tail() -> None:
    """What the end of the body cut off is counted as tail and listed as a reject."""
    rejects, ledger, _ = rejected(line() + b"1111,DTE,'2020")

    assert ["unterminated"] == [reject.reason for reject in rejects]
    assert (14, 0, 1) == (ledger.tail_bytes, ledger.rejected_bytes, ledger.rows)


def test_columns_by_name() -> None:
    """Order does not matter, a missing column is NULL, an unknown one is text, aliases count."""
    body = b"attempt_3_disp,smedia_market,uii,queue_time\n X ,Ohio,'1, 7\n"
    rows, report = read(body)

    assert ("media_market" in NAMES, "1", 7) == (True, rows[0]["uii"], rows[0]["queue_time"])
    assert ("Ohio", "X", None) == (
        rows[0]["media_market"],
        rows[0]["attempt_3_disp"],
        rows[0]["ani"],
    )
    assert (("attempt_3_disp",), 31) == (report.decoder.unknown, len(report.decoder.missing))


def test_arrow_stream() -> None:
    """A report is an Arrow C stream with plain types."""
    report = read_csv([HEADER.encode() + b"\n" + line(profile_name="DTE")], time_zone=ZONE)
    table = pa.table(report)

    assert ["DTE"] == table["profile_name"].to_pylist()
    assert pa.string() == table.schema.field("profile_name").type
    assert 1 == report.ledger.rows
