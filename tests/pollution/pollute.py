"""
Every way a report gets spoilt, applied to one place of a clean one.

A report is a list of lines (`Parts`); each class is a small function that takes the clean lines, a
row and a column and gives the spoilt ones, with the numbers of those it touched. Nothing here
knows the engine.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLASSES", "KINDS", "NAMES", "QUOTE_CLASSES", "Clean", "Spoilt", "clean", "spoil"]

KINDS: dict[str, str] = dict.fromkeys(
    [
        "cloud_profile_id",
        "profile_name",
        "uii",
        "ani",
        "dnis",
        "outbound_externid",
        "media_isci",
        "media_network",
        "media_market",
        "media_code",
        "media_format",
        "media_version",
        "media_length",
        "enqueue_time",
        "dequeue_time",
        "queue_time",
        "call_state",
        "is_cellular",
        "dequeue_attempts",
        "call_result",
        "inbound_duration",
        "recording_url",
        "connected_id",
        "connected_name",
        "connected_route",
        "connected_duration",
        "attempt_1_id",
        "attempt_1_name",
        "attempt_1_route",
        "attempt_1_disp",
        "attempt_2_id",
        "attempt_2_name",
        "attempt_2_route",
        "attempt_2_disp",
    ],
    "text",
) | {
    "cloud_profile_id": "int64",
    "uii": "uii",
    "enqueue_time": "instant",
    "dequeue_time": "instant",
    "queue_time": "int32",
    "is_cellular": "flag",
    "dequeue_attempts": "int32",
    "inbound_duration": "int32",
    "connected_id": "int64",
    "connected_duration": "int32",
    "attempt_1_id": "int64",
    "attempt_2_id": "int64",
}
"""The vendor's 34 columns, written down a second time on purpose."""

NAMES = list(KINDS)
BOM = b"\xef\xbb\xbf"


class Clean(NamedTuple):
    """A report without a fault: its header line, its lines and what their cells say."""

    lines: list[bytes]
    """The header first; every line with its end."""
    cells: list[list[str]]
    """Of every line but the header."""


class Spoilt(NamedTuple):
    """Lines after one fault."""

    parts: list[bytes]
    touched: set[int]
    """Numbers of the parts that are not as they were, or that are new."""
    header: int = 0
    """Number of the part that is the header."""
    is_all_lost: bool = False
    """Nothing of what was touched may become a row."""
    removed: int = 0
    """Clean lines that went into a touched part, or that are no longer there."""


class Place(NamedTuple):
    """Where the fault goes."""

    rng: random.Random
    row: int
    """Number of the line, from 1; the header is 0."""
    column: int


def quoted(text: str) -> str:
    """Text as a quoted field."""
    return '"' + text.replace('"', '""') + '"'


def field(text: str) -> str:
    """Text as a field, quoted where it has to be."""
    return quoted(text) if any(mark in text for mark in '",\r\n') else text


def line(cells: list[str], end: str = "\n") -> bytes:
    """One record."""
    return (",".join(map(field, cells)) + end).encode()


def _cell(rng: random.Random, kind: str, number: int, *, is_quoted: bool) -> str:
    if kind == "uii":
        return f"'202006{10 + number % 20:02d}{rng.randrange(10**14):014d}{number:08d}"
    if kind == "instant":
        return f"6/{rng.randrange(1, 31)}/20 {rng.randrange(1, 13)}:{rng.randrange(60):02d} AM"
    if kind == "flag":
        return rng.choice(["Yes", "No"])
    if kind in ("int32", "int64"):
        return str(rng.randrange(1, 100_000))
    if is_quoted and rng.random() < 0.2:
        return rng.choice(["O'Hara, Sean", 'the "Loop", 2nd', "Bonn, Köln"])
    return rng.choice(["", "DTE", "IT TFN", "Zoë", "12312345678", "COMPLETE            "])


def clean(rng: random.Random, rows: int, *, is_quoted: bool, end: str = "\n") -> Clean:
    """Make a report; `is_quoted` gives one row in five some quoted fields."""
    cells = []
    for number in range(rows):
        has_quotes = is_quoted and rng.random() < 0.2
        cells.append([_cell(rng, kind, number, is_quoted=has_quotes) for kind in KINDS.values()])
    return Clean([line(NAMES, end), *(line(row, end) for row in cells)], cells)


# Faults within one row

Fault = "Callable[[Clean, Place], Spoilt]"


def _instead(report: Clean, place: Place, new: list[bytes], **more: bool) -> Spoilt:
    """Put other lines in the place of one."""
    parts = [*report.lines[: place.row], *new, *report.lines[place.row + 1 :]]
    touched = set(range(place.row, place.row + len(new)))
    return Spoilt(parts, touched, removed=1, **more)


def _before(report: Clean, place: Place, new: list[bytes], **more: bool) -> Spoilt:
    """Put lines in front of one."""
    parts = [*report.lines[: place.row], *new, *report.lines[place.row :]]
    return Spoilt(parts, set(range(place.row, place.row + len(new))), **more)


def _fields(report: Clean, place: Place) -> tuple[list[bytes], bytes]:
    """Fields of the row as they are written, and its line end."""
    raw = report.lines[place.row]
    body = raw.rstrip(b"\r\n")
    return [field(cell).encode() for cell in report.cells[place.row - 1]], raw[len(body) :]


def _with_field(change: Callable[[str, random.Random], bytes]) -> Callable[[Clean, Place], Spoilt]:
    """Write one cell of the row in another way."""

    def fault(report: Clean, place: Place) -> Spoilt:
        fields, end = _fields(report, place)
        fields[place.column] = change(report.cells[place.row - 1][place.column], place.rng)
        return _instead(report, place, [b",".join(fields) + end])

    return fault


def _inserted(junk: bytes, where: str) -> Callable[[Clean, Place], Spoilt]:
    """Put bytes at the start, in the middle or at the end of one field."""

    def change(cell: str, _: random.Random) -> bytes:
        text = field(cell).encode()
        at = {"start": 0, "middle": len(text) // 2, "end": len(text)}[where]
        return text[:at] + junk + text[at:]

    return _with_field(change)


def _with_line(change: Callable[[bytes, random.Random], bytes]) -> Callable[[Clean, Place], Spoilt]:
    """Write the whole row in another way."""

    def fault(report: Clean, place: Place) -> Spoilt:
        return _instead(report, place, [change(report.lines[place.row], place.rng)])

    return fault


def missing_delimiter(report: Clean, place: Place) -> Spoilt:
    """Two fields grow together."""
    fields, end = _fields(report, place)
    at = min(place.column, len(fields) - 2)
    fields[at : at + 2] = [fields[at] + fields[at + 1]]
    return _instead(report, place, [b",".join(fields) + end])


def extra_delimiter(report: Clean, place: Place) -> Spoilt:
    """One field too many."""
    fields, end = _fields(report, place)
    fields.insert(place.column, b"")
    return _instead(report, place, [b",".join(fields) + end])


def missing_line_end(report: Clean, place: Place) -> Spoilt:
    """A row grows together with the next."""
    if place.row == len(report.lines) - 1:
        return no_final_newline(report, place)
    both = report.lines[place.row].rstrip(b"\r\n") + report.lines[place.row + 1]
    parts = [*report.lines[: place.row], both, *report.lines[place.row + 2 :]]
    return Spoilt(parts, {place.row}, removed=2, is_all_lost=True)


def cut_row(report: Clean, place: Place) -> Spoilt:
    """A row that stops short."""
    fields, end = _fields(report, place)
    return _instead(report, place, [b",".join(fields[: place.column]) + end])


def utf16(name: str) -> Callable[[Clean, Place], Spoilt]:
    """One row in UTF-16; in little endian the last byte of its line end falls to the next."""

    def fault(report: Clean, place: Place) -> Spoilt:
        raw = report.lines[place.row].decode().encode(name)
        spoilt = _instead(report, place, [raw])
        following = place.row + 1
        if raw.endswith(b"\0") and following < len(spoilt.parts):
            return spoilt._replace(touched={place.row, following}, removed=2)
        return spoilt

    return fault


# Faults between rows

HTML = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body class="error, fatal">
<p>Try <a href="/again?x=1,2">again</a>,
"later"</p>

</body></html>
"""
JSON = b'{"errorCode":"access.denied.exception","details":"none","timestamp":1587484808132}'
PRETTY = b'{\n  "error": {\n    "code": 500,\n    "message": "no, \\"not\\" now"\n  }\n}\n'


def repeated_header(report: Clean, place: Place) -> Spoilt:
    """The header again."""
    return _before(report, place, [report.lines[0]])


def repeated_header_in_quotes(report: Clean, place: Place) -> Spoilt:
    """The header again, every name quoted."""
    return _before(report, place, [(",".join(map(quoted, NAMES)) + "\n").encode()])


def bom_before_header(report: Clean, place: Place) -> Spoilt:
    """Two files joined: a BOM and the header again."""
    return _before(report, place, [BOM + report.lines[0]])


def _damaged_header(damage: Callable[[list[str], int], list[str]]) -> Callable[..., Spoilt]:
    """The header again, with some of its names not as they were."""

    def fault(report: Clean, place: Place) -> Spoilt:
        names = damage(NAMES, min(place.column, len(NAMES) - 2))
        return _before(report, place, [line(names)], is_all_lost=True)

    return fault


def _second_table(order: Callable[[list[str]], list[str]]) -> Callable[[Clean, Place], Spoilt]:
    def fault(report: Clean, place: Place) -> Spoilt:
        names = order(NAMES)
        cells = dict(zip(NAMES, report.cells[place.row - 1], strict=True))
        cells["uii"] = "'19990101000000" + "9" * 16
        row = line([cells.get(name, "7") for name in names])
        return _before(
            report, place, [line(names), row, row, b"\n", report.lines[0]], is_all_lost=True
        )

    return fault


def _renamed(names: list[str]) -> list[str]:
    longest = max(names, key=len)
    return [f"{name}_s" if name == longest else name for name in names]


def _replaced(names: list[str]) -> list[str]:
    longest = max(names, key=len)
    return ["seconds" if name == longest else name for name in names]


def preamble(report: Clean, place: Place) -> Spoilt:
    """Lines in front of the header."""
    texts = [b"sep=,\n", b"Report, made today\n", b'"Cloud, ""Call"" Detail"\n', b"\n", b"a" + JSON]
    new = [text.rstrip() + b"\n" for text in place.rng.choices(texts, k=1 + place.column % 4)]
    parts = [*new, *report.lines]
    return Spoilt(parts, set(range(len(new))), header=len(new))


def bom_at_start(report: Clean, _: Place) -> Spoilt:
    """A BOM in front of everything."""
    return Spoilt([BOM + report.lines[0], *report.lines[1:]], set())


def no_final_newline(report: Clean, _: Place) -> Spoilt:
    """Nothing behind the last row."""
    return Spoilt([*report.lines[:-1], report.lines[-1].rstrip(b"\r\n")], set())


def _at_end(text: bytes) -> Callable[[Clean, Place], Spoilt]:
    def fault(report: Clean, _: Place) -> Spoilt:
        parts = [*report.lines, *text.splitlines(keepends=True)]
        return Spoilt(parts, set(range(len(report.lines), len(parts))), is_all_lost=True)

    return fault


def _on_own_line(text: bytes) -> Callable[[Clean, Place], Spoilt]:
    def fault(report: Clean, place: Place) -> Spoilt:
        return _before(report, place, text.splitlines(keepends=True))

    return fault


def _mid_row(text: bytes) -> Callable[[Clean, Place], Spoilt]:
    """The stream breaks off within a field and goes on with something else."""

    def fault(report: Clean, place: Place) -> Spoilt:
        fields, _ = _fields(report, place)
        before = b",".join([*fields[: place.column], fields[place.column][:2]])
        return _instead(report, place, (before + text).splitlines(keepends=True))

    return fault


def _line_ends(end: bytes) -> Callable[[Clean, Place], Spoilt]:
    def fault(report: Clean, _: Place) -> Spoilt:
        return Spoilt([raw.rstrip(b"\r\n") + end for raw in report.lines], set())

    return fault


def _line_end(end: bytes) -> Callable[[Clean, Place], Spoilt]:
    def fault(report: Clean, place: Place) -> Spoilt:
        parts = list(report.lines)
        parts[place.row] = parts[place.row].rstrip(b"\r\n") + end
        return Spoilt(parts, set())

    return fault


def blank_lines(report: Clean, place: Place) -> Spoilt:
    """Blank lines, each ended in its own way."""
    return _before(report, place, [b"\n", b"\r\n", b"\n"])


QUOTE_CLASSES: dict[str, Callable[[Clean, Place], Spoilt]] = {
    "quote at the start": _inserted(b'"', "start"),
    "quote in the middle": _inserted(b'"', "middle"),
    "quote at the end": _inserted(b'"', "end"),
    "quote unclosed": _with_field(lambda cell, _: quoted(cell)[:-1].encode()),
    "text after a closing quote": _with_field(lambda cell, _: quoted(cell).encode() + b"x"),
    "two quotes at the start": _inserted(b'""', "start"),
    "quote alone": _with_field(lambda *_: b'"'),
    "quote on its own line": _on_own_line(b'"\n'),
    "JSON mid-row": _mid_row(JSON + b"\n"),
    "JSON on its own line": _on_own_line(JSON + b"\n"),
    "JSON of several lines": _on_own_line(PRETTY),
    "HTML mid-stream": _on_own_line(HTML),
    "HTML mid-row": _mid_row(HTML),
}
"""Classes that can open a quote: measured in reports of 300 rows and more."""

CLASSES: dict[str, Callable[[Clean, Place], Spoilt]] = QUOTE_CLASSES | {
    "missing delimiter": missing_delimiter,
    "extra delimiter": extra_delimiter,
    "missing line end": missing_line_end,
    "row cut short": cut_row,
    "pipe in one row": _with_line(lambda raw, _: raw.replace(b",", b"|")),
    "semicolon in one row": _with_line(lambda raw, _: raw.replace(b",", b";")),
    "tab in one row": _with_line(lambda raw, _: raw.replace(b",", b"\t")),
    "preamble": preamble,
    "repeated header": repeated_header,
    "repeated header in quotes": repeated_header_in_quotes,
    "repeated header, delimiter missing": _damaged_header(
        lambda names, at: [*names[:at], names[at] + names[at + 1], *names[at + 2 :]]
    ),
    "repeated header, delimiter extra": _damaged_header(
        lambda names, at: [*names[:at], "", *names[at:]]
    ),
    "repeated header, a name in two": _damaged_header(
        lambda names, at: [*names[:at], names[at][:1], names[at][1:], *names[at + 1 :]]
    ),
    "second table, fewer columns": _second_table(lambda names: names[:20]),
    "second table, more columns": _second_table(lambda names: [*names, "attempt_3_disp"]),
    "second table, a column renamed": _second_table(_renamed),
    "second table, a column replaced": _second_table(_replaced),
    "second table, another order": _second_table(lambda names: names[::-1]),
    "second table, two columns swapped": _second_table(
        lambda names: [*names[:3], names[4], names[3], *names[5:]]
    ),
    "totals line": _at_end(b"Total,,300,,,\n"),
    "totals line without end": _at_end(b"Total: 300"),
    "error line": _at_end(b"ERROR: connection reset by peer\n"),
    "error line without end": _at_end(b"java.sql.SQLException: ORA-01555, snapshot too old"),
    "no final newline": no_final_newline,
    "CR everywhere": _line_ends(b"\r"),
    "CRLF everywhere": _line_ends(b"\r\n"),
    "LF everywhere": _line_ends(b"\n"),
    "CR in one row": _line_end(b"\r"),
    "CRLF in one row": _line_end(b"\r\n"),
    "CR CR LF in one row": _line_end(b"\r\r\n"),
    "CR inside a field": _inserted(b"\r", "middle"),
    "CRLF inside a field": _inserted(b"\r\n", "middle"),
    "blank lines": blank_lines,
    "BOM at the start": bom_at_start,
    "BOM before a row": _with_line(lambda raw, _: BOM + raw),
    "BOM in a field": _inserted(BOM, "start"),
    "BOM before a repeated header": bom_before_header,
    "BOM on its own line": _on_own_line(BOM + b"\n"),
    "NUL": _inserted(b"\0", "middle"),
    "NUL alone": _with_field(lambda *_: b"\0"),
    "invalid UTF-8": _inserted(b"\xff", "middle"),
    "overlong UTF-8": _inserted(b"\xc0\xaf", "start"),
    "truncated UTF-8": _inserted(b"\xe2\x82", "end"),
    "surrogate": _inserted(b"\xed\xa0\x80", "middle"),
    "above U+10FFFF": _inserted(b"\xf4\x90\x80\x80", "middle"),
    "Latin-1": _inserted("é".encode("latin-1"), "end"),
    "UTF-16LE row": utf16("utf-16-le"),
    "UTF-16BE row": utf16("utf-16-be"),
    "Excel guard": _with_field(lambda cell, _: f'="{cell}"'.encode()),
    "Excel guard in quotes": _with_field(lambda cell, _: quoted(f'="{cell}"').encode()),
    "padded": _with_field(lambda cell, _: field(f"   {cell}  ").encode()),
    "padded with tabs": _with_field(lambda cell, _: field(f"\t{cell}\t").encode()),
    "padded inside quotes": _with_field(lambda cell, _: quoted(f"  {cell} ").encode()),
    "padded outside quotes": _with_field(lambda cell, _: b" " + quoted(cell).encode()),
    "only spaces": _with_field(lambda *_: b"    "),
    "only tabs": _with_field(lambda *_: b"\t\t"),
    "tabs and spaces": _with_field(lambda *_: b" \t "),
    "only NBSP": _with_field(lambda *_: "\u00a0".encode()),
    "empty": _with_field(lambda *_: b""),
    "empty in quotes": _with_field(lambda *_: b'""'),
    "U+202F": _with_field(lambda cell, _: field(cell.replace(" ", "\u202f")).encode()),
    "U+202F before AM": _with_field(
        lambda cell, _: field(cell.replace(" AM", "\u202fAM")).encode()
    ),
    "NBSP around": _with_field(lambda cell, _: field(f"\u00a0{cell}\u00a0").encode()),
    "number in scientific notation": _with_field(lambda *_: b"2.02E+29"),
    "number too large": _with_field(lambda *_: b"9223372036854775808"),
    "hexadecimal": _with_field(lambda *_: b"0x1F"),
    "plus sign": _with_field(lambda *_: b"+15551234567"),
    "word for null": _with_field(lambda _, rng: rng.choice([b"NULL", b"N/A", b"nan", b"null"])),
    "over-long record": _with_field(lambda *_: b"x" * 70_000),
    "100,000 columns": _with_line(lambda raw, _: raw.rstrip() + b"," * 99_966 + b"\n"),
    "30,000 columns": _with_line(lambda raw, _: raw.rstrip() + b"," * 29_966 + b"\n"),
}


def spoil(name: str, report: Clean, row: int, column: int, seed: int) -> Spoilt:
    """Apply one class at one row (from 1) and column."""
    return CLASSES[name](report, Place(random.Random(seed), row, column))
