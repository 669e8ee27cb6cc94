"""What is in the sample month, counted on its lines; and the page that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

__all__ = ["ODDITIES", "Cells", "Line", "LineKind", "count_lines", "printed_time", "readme"]

Cells = dict[str, str]

LineKind = Literal["header", "row", "duplicate", "blank", "field_count", "not_utf8", "no_uii"]
"""What a line is; the last three are records to reject."""

_REJECTED: tuple[LineKind, ...] = ("field_count", "not_utf8", "no_uii")
_KNOWN_WORDS = {"ANSWER", "NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "INTERCEPT",
                "ANSWER-NOT-PERSON", "CANCEL"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One record as it is printed, line end included, and the cells it was printed from."""

    kind: LineKind
    content: bytes
    cells: Cells
    is_late: bool = False
    """It comes after calls that started later."""

    @property
    def is_plain(self) -> bool:
        """Whether it is a row without a quoted cell and with times and numbers that fit."""
        fits = b'"' not in self.content and self.cells["queue_time"].isdecimal()
        return self.kind == "row" and fits and printed_time(self.cells["enqueue_time"]) is not None


def _names(cells: Cells) -> str:
    return "|".join(text for column, text in cells.items() if column.endswith("_name"))


def _routes(cells: Cells) -> str:
    return "|".join(text for column, text in cells.items() if column.endswith("_route"))


def _words(cells: Cells) -> list[str]:
    return [cells[f"attempt_{n}_disp"].partition("(")[0] for n in (1, 2)]


def printed_time(text: str) -> datetime | None:
    """Return a printed time as local time, or None when there is no such time."""
    try:
        return datetime.strptime(text.replace("\u202f", " "), "%m/%d/%y %I:%M %p")  # noqa: DTZ007
    except ValueError:
        return None


def _dates_disagree(cells: Cells) -> bool:
    moment = printed_time(cells["enqueue_time"])
    return moment is not None and cells["uii"][1:9] != f"{moment:%Y%m%d}"


def _in_repeated_hour(cells: Cells) -> bool:
    moment = printed_time(cells["enqueue_time"])
    return moment is not None and f"{moment:%Y%m%d%H}" == "2025110201"


def _hidden_attempts(cells: Cells) -> bool:
    shown = sum(1 for n in (1, 2) if cells[f"attempt_{n}_id"])
    return int(cells["dequeue_attempts"]) > shown


ODDITIES: dict[str, tuple[str, Callable[[Cells], bool]]] = {
    "comma_in_name": ("a comma in a quoted name", lambda c: "," in _names(c)),
    "quote_in_name": ("a doubled quote in a name", lambda c: '"' in _names(c)),
    "line_break_in_name": ("a line break in a quoted name", lambda c: "\n" in _names(c)),
    "non_ascii_name": ("a name with letters beyond ASCII", lambda c: not _names(c).isascii()),
    "no_profile_name": ("no profile name", lambda c: not c["profile_name"]),
    "narrow_space": ("U+202F before AM or PM", lambda c: "\u202f" in c["enqueue_time"]),
    "padded_state": ("call_state padded with spaces", lambda c: c["call_state"].endswith(" ")),
    "padded_result": ("call_result padded with spaces", lambda c: c["call_result"].endswith(" ")),
    "blank_ani": ("no caller's number", lambda c: not c["ani"]),
    "anonymous_ani": ("an anonymous caller", lambda c: c["ani"].lower() == "anonymous"),
    "e164": ("numbers in E.164", lambda c: c["dnis"].startswith("+")),
    "sip_route": ("a SIP address as route", lambda c: "sip:" in _routes(c)),
    "extension_route": ("an extension in a route", lambda c: "*" in _routes(c)),
    "recording": ("a recording URL", lambda c: bool(c["recording_url"])),
    "external_id": ("an external id", lambda c: bool(c["outbound_externid"])),
    "no_media": ("media_length 0: no advertisement", lambda c: c["media_length"] == "0"),
    "never_connected": ("never connected", lambda c: not c["connected_id"]),
    "hyphenated_disposition": (
        "a hyphen in a disposition",
        lambda c: any("-" in word for word in _words(c)),
    ),
    "unknown_disposition": (
        "a disposition that no list names",
        lambda c: any(word and word not in _KNOWN_WORDS for word in _words(c)),
    ),
    "no_ring_seconds": (
        "a disposition without seconds",
        lambda c: c["attempt_1_disp"] != "" and "(" not in c["attempt_1_disp"],
    ),
    "hidden_attempts": ("dequeue_attempts above the attempts shown", _hidden_attempts),
    "uii_date_disagrees": ("a uii of another date than enqueue_time", _dates_disagree),
    "ambiguous_hour": ("enqueued in the hour that comes twice", _in_repeated_hour),
}
"""What may be odd about a row, by key: in words, and as a predicate on the printed cells."""

_WORDS_FOR = {
    "field_count": "a wrong number of fields",
    "not_utf8": "bytes that are not UTF-8",
    "no_uii": "no uii",
    "queue_time": "no number in queue_time",
    "enqueue_time": "an impossible enqueue_time",
}


def count_lines(lines: list[Line]) -> dict[str, Any]:
    """Return exact counts of what the lines are and of what is odd about the rows."""
    by_kind = {kind: [line for line in lines if line.kind == kind] for kind in _kinds()}
    rows = [line.cells for line in by_kind["row"]]
    rejected = {kind: len(by_kind[kind]) for kind in _REJECTED}
    duplicates = len(by_kind["duplicate"])
    return {
        "header_lines": len(by_kind["header"]),
        "blank_lines": len(by_kind["blank"]),
        "records": len(rows) + duplicates + sum(rejected.values()),
        "rows": len(rows),
        "duplicates": duplicates,
        "rejected_records": rejected,
        "cell_rejects": {
            "queue_time": sum(not cells["queue_time"].isdecimal() for cells in rows),
            "enqueue_time": sum(printed_time(cells["enqueue_time"]) is None for cells in rows),
        },
        "bytes_of": {
            kind: sum(len(line.content) for line in found) for kind, found in by_kind.items()
        },
        "late_rows": sum(line.is_late for line in by_kind["row"]),
        "oddities": {
            key: sum(is_odd(cells) for cells in rows) for key, (_, is_odd) in ODDITIES.items()
        },
    }


def _kinds() -> tuple[LineKind, ...]:
    return ("header", "row", "duplicate", "blank", *_REJECTED)


def readme(counts: Mapping[str, Any]) -> str:
    """Return the README of the sample folder for the counts of the sample month."""
    odd = "\n".join(
        f"| {counts['oddities'][key]:,} | {words} |" for key, (words, _) in ODDITIES.items()
    )
    bad = "\n".join(
        f"| {count} | {_WORDS_FOR[key]} | {what} |"
        for section, what in (
            ("rejected_records", "the record is rejected"),
            ("cell_rejects", "the cell is empty and listed, the call is kept"),
        )
        for key, count in counts[section].items()
    )
    rejected = sum(counts["rejected_records"].values())
    return _README.format(odd=odd, bad=bad, rejected=rejected, **counts)


_README = """\
# Sample data

| file | what it is |
|---|---|
| `vendor_example.csv` | the example of the vendor's reference page, byte for byte: \
a header, three calls, no line end after the last; its request zone is US/Arizona |
| `generated_month.csv` | a made-up month of a small contact centre with every oddity \
the report is known or suspected to have; {bytes:,} bytes |
| `generated_month.json` | the exact counts below, to check a load against |

Everybody in the generated month is invented, and so is every number.

## Make it again

```
python -m cdr_engine.simulator.sample sample_data/
```

The same bytes come out on every run (SHA-256 `{sha256}`); a test compares them.

## generated_month.csv

Account {account_id}, calls from {start} to {end} in {time_zone}; clocks go back on 2 November.

| lines or records | |
|---|---|
| {header_lines} | header lines, the second in the middle |
| {blank_lines} | blank lines |
| {records:,} | records, of which |
| {rows:,} | are calls, |
| {duplicates} | repeat a call that is there already, |
| {rejected} | are broken |

What is wrong:

| count | what | what a reader should do |
|---|---|---|
{bad}

What is merely odd, counted in the {rows:,} calls (a call can be odd in several ways):

| calls | what |
|---|---|
{odd}
| {late_rows} | printed after calls that started later |
"""
