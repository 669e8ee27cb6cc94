from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdr_engine.errors import UsageError, ViewError
from cdr_engine.views import FORMATS, connect, format_of, query, write, write_file

VALUES = """
select * from (values
    (1, 'plain', 0.5, timestamptz '2025-11-02 05:30:00+00', true, null, 'x'::blob, [1, 2]),
    (2, e'comma, "quote"\\nline', null, null, null, 'text', null, null),
    (3, '日本', 1.0, timestamptz '2025-11-02 06:30:00.25+00', false, '', ''::blob, [])
) as t (n, words, answer_rate, moment, is_on, nothing, raw, many) order by n
"""


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An empty dataset seen from New York."""
    return connect(tmp_path_factory.mktemp("dataset"), time_zone="America/New_York")


def written(con: Any, text: str, **options: Any) -> bytes:
    """What `write` writes."""
    out = io.BytesIO()
    write(query(con, text), out, **options)
    return out.getvalue()


def test_csv(con: Any) -> None:
    """The standard library reads back what was written, line ends and quotes included."""
    body = written(con, VALUES, format="csv").decode()
    rows = list(csv.DictReader(io.StringIO(body, newline="")))
    assert [row["words"] for row in rows] == ["plain", 'comma, "quote"\nline', "日本"]
    assert [row["answer_rate"] for row in rows] == ["0.5", "", "1.0"]
    assert [row["moment"] for row in rows] == [
        "2025-11-02T01:30:00-04:00",
        "",
        "2025-11-02T01:30:00.250000-05:00",
    ]
    assert [row["is_on"] for row in rows] == ["true", "", "false"]
    assert [row["raw"] for row in rows] == ["eA==", "", ""]
    assert [row["many"] for row in rows] == ["[1,2]", "", "[]"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "=1+1",
            "+1208",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\uff1d1",
            "\uff0b1",
            "\uff0d1",
            "\uff20x",
        ),
        *("202004250912250132110000003150", "0123", "1-2", "3E5", " 7", ".5", "(5)"),
    ],
)
def test_excel_guards_text(con: Any, text: str) -> None:
    """A text that a spreadsheet would work out, a column's name too, gets an apostrophe."""
    sql = f"select '{text}' as cell, '{text}' as \"{text}\""
    body = written(con, sql, format="excel").decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(body, newline=""))) == [
        ["cell", f"'{text}"],
        [f"'{text}", f"'{text}"],
    ]


def test_excel_leaves_the_rest(con: Any) -> None:
    """Numbers, instants, NULL and plain words are as in csv, behind the mark of UTF-8."""
    sql = "select -5 as n, 0.5 as f, null::varchar as x, 'a=b' as t, timestamptz '2025-01-02' as at"
    plain, marked = (written(con, sql, format=name) for name in ("csv", "excel"))
    assert b"\xef\xbb\xbf" + plain == marked


def test_csv_is_not_guarded(con: Any) -> None:
    """Plain csv gives text as it is: what reads it back gets what was there."""
    body = written(con, "select '=1+1' as x, '+1208' as ani", format="csv").decode()
    assert list(csv.reader(io.StringIO(body))) == [["x", "ani"], ["=1+1", "+1208"]]


def test_markdown(con: Any) -> None:
    """Numbers stand right, rates are percentages, and nothing in a cell breaks the table."""
    sql = "select 5 as n, 0.25 as talk_share, e'a|b\n*c*' as words union all select 6, null, null"
    assert written(con, sql + " order by n", format="markdown").decode().splitlines() == [
        "| n | talk_share | words |",
        "| ---: | ---: | --- |",
        r"| 5 | 25.0 % | a\|b·\*c\* |",
        "| 6 |  |  |",
    ]


def test_json_and_jsonl(con: Any) -> None:
    """Both hold the same objects, typed; json is one document, jsonl one a line."""
    rows = json.loads(written(con, VALUES, format="json"))
    lines = written(con, VALUES, format="jsonl").decode().splitlines()
    assert rows == [json.loads(line) for line in lines]
    assert rows[0] == {
        "n": 1,
        "words": "plain",
        "answer_rate": 0.5,
        "moment": "2025-11-02T01:30:00-04:00",
        "is_on": True,
        "nothing": None,
        "raw": "eA==",
        "many": [1, 2],
    }


def test_wide_integers_are_numbers(con: Any) -> None:
    """A sum, which DuckDB gives 128 bits, is a JSON number."""
    assert json.loads(written(con, "select sum(7) as n", format="json")) == [{"n": 7}]


def test_parquet_and_arrow(con: Any) -> None:
    """Both give back the very table, instants typed."""
    table = query(con, VALUES).read_all()
    assert pq.read_table(pa.BufferReader(written(con, VALUES, format="parquet"))).equals(table)
    assert pa.ipc.open_stream(written(con, VALUES, format="arrow")).read_all().equals(table)


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows(con: Any, name: str) -> None:
    """An answer without rows is a whole, readable document of its format."""
    body = written(con, "abandonment", format=name)
    names = query(con, "abandonment").schema.names
    match name:
        case "csv":
            assert next(csv.reader([body.decode()])) == names
        case "excel":
            assert next(csv.reader([body.decode("utf-8-sig")])) == names
        case "markdown":
            assert body.decode().splitlines()[0] == f"| {' | '.join(names)} |"
            assert body.count(b"\n") == 2
        case "json":
            assert json.loads(body) == []
        case "jsonl":
            assert body == b""
        case "parquet":
            assert pq.read_schema(pa.BufferReader(body)).names == names
        case "arrow":
            assert pa.ipc.open_stream(body).read_all().schema.names == names
        case "table":
            assert "0 rows" in body.decode()


@pytest.mark.parametrize("name", FORMATS)
def test_limit(con: Any, name: str) -> None:
    """A limit cuts rows, batches in between too, and what was written is counted."""
    out = io.BytesIO()
    answer = query(con, "select range as n from range(10000)")
    assert write(answer, out, format=name, limit=2500) == 2500


def test_table(con: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers stand right, rates are percentages, NULL is empty, and the cut is said."""
    monkeypatch.setenv("COLUMNS", "100")
    sql = "select n, answer_rate, words from (values (5, 0.5, 'a'), (10, null, 'b'), (1, 1, 'c')) t"
    lines = written(con, sql + "(n, answer_rate, words)", limit=2).decode().splitlines()
    assert [line.rstrip() for line in lines] == [
        " n   answer_rate   words",
        "────────────────────────",
        " 5        50.0 %   a",
        "10                 b",
        "3 rows, 1 cut",
    ]


def test_table_fits(con: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is wider than the terminal; columns left out are counted."""
    monkeypatch.setenv("COLUMNS", "60")
    page = written(
        con, "select *, 'long' || repeat('x', 99) from stg_call_results, params"
    ).decode()
    assert max(map(len, page.splitlines())) <= 60
    assert re.search(r"15 rows, \d+ more columns", page)


def test_table_keeps_the_terminal_whole(con: Any) -> None:
    """A name with control codes or markup is shown, not obeyed."""
    page = written(con, "select e'\\x1b[2J[red]x\\n' as \"[bold]name\"").decode()
    assert "\x1b" not in page
    assert "·[2J[red]x·" in page
    assert "[bold]name" in page


def test_unknown_format(con: Any) -> None:
    """An unknown format or suffix is a usage error that names the known ones."""
    with pytest.raises(UsageError, match="jsonl"):
        write(query(con, "params"), io.BytesIO(), format="xlsx")
    with pytest.raises(UsageError, match=r"\.jsonl"):
        format_of(Path("a.xlsx"))


def test_type_without_a_place(con: Any) -> None:
    """What a format cannot hold is an error that says so."""
    with pytest.raises(ViewError, match="parquet cannot hold"):
        written(con, "select interval 1 day as x", format="parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.JSON", "a.jsonl", "a.ndjson", "a.parquet", "a.arrow"])
def test_file(con: Any, tmp_path: Path, name: str) -> None:
    """The suffix tells the format; the file is whole, private and alone in its folder."""
    path = tmp_path / name
    path.write_text("the one before")
    assert write_file(query(con, VALUES), path) == 3
    assert path.read_bytes() == written(con, VALUES, format=format_of(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_file_of_a_failed_query(con: Any, tmp_path: Path) -> None:
    """If the query fails on the way the file before stays, and nothing else."""
    path = tmp_path / "a.csv"
    path.write_text("the one before")
    sql = "select if(range < 99999, 1, error('stop')) as x from range(100000)"
    with pytest.raises(ViewError, match="stop"):
        write_file(query(con, sql), path)
    assert path.read_text() == "the one before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", FORMATS)
def test_closed_pipe_passes_through(con: Any, name: str) -> None:
    """Writing to a pipe whose reader is gone is the caller's BrokenPipeError."""

    class Closed(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, _: object) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        write(query(con, "from range(500000)"), Closed(), format=name)


def test_device(con: Any) -> None:
    """A path that is no regular file is written to, not replaced."""
    assert write_file(query(con, VALUES), Path("/dev/null"), format="csv") == 3
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet", "arrow"])
def test_memory_does_not_grow_with_rows(con: Any, name: str) -> None:
    """Batches are written as they come: Arrow holds about as much for ten times the rows."""
    peaks = []
    for rows in (200_000, 2_000_000 if name in ("parquet", "arrow") else 600_000):
        answer = query(con, f"select range as n, 'some words' as words from range({rows})")
        before = pa.total_allocated_bytes()
        peak = 0

        class Sink(io.RawIOBase):
            def writable(self) -> bool:
                return True

            def write(self, data: Any) -> int:
                nonlocal peak
                peak = max(peak, pa.total_allocated_bytes() - before)  # noqa: B023
                return len(data)

        write(answer, Sink(), format=name)
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 3 + (48 << 20)
