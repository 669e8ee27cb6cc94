"""
The sample month: a small centre's report with every oddity this report is known to have.

`python -m cdr_engine.simulator.sample FOLDER` writes `generated_month.csv`, its exact counts as
`generated_month.json`, and the README that explains both. The same bytes come out every time.

Plan: take the report as the service sends it, cell by cell; change some calls, each by one entry
of `EDITS`, no call twice; then lay the lines out, with repeated, misplaced, blank and broken ones
between them. What the JSON counts is measured on the lines as they are laid out, by the predicates
of `sample_counts`, which know nothing of the edits.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from cdr_engine.simulator.criteria import Report
from cdr_engine.simulator.history import History
from cdr_engine.simulator.rendering import COLUMN_NAMES
from cdr_engine.simulator.reports import Reporter
from cdr_engine.simulator.sample_counts import Cells, Line, count_lines, printed_time, readme
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.zones import epoch_seconds, zone_of

__all__ = ["ACCOUNT_ID", "EDITS", "ZONE", "Edit", "sample_month", "write_samples"]

ACCOUNT_ID, ZONE = "13670001", "America/New_York"
START, END = datetime(2025, 11, 1), datetime(2025, 11, 30, 23, 59, 59)  # noqa: DTZ001
"""Local times of the request; clocks go back on 2 November."""

SEED, CALLS_PER_DAY = 34, 107.0
_REPEATED_HEADER_AT = 0.6
_BLANKS, _DUPLICATES, _LATE, _LATE_BY = 3, 7, 20, 5


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to `count` calls, each given its own turn `n`, counted from 0."""

    name: str
    count: int
    change: Callable[[Cells, int], None]


def _narrow_space(cells: Cells, _n: int) -> None:
    for column in ("enqueue_time", "dequeue_time"):
        cells[column] = cells[column].replace(" AM", "\u202fAM").replace(" PM", "\u202fPM")


def _padded(cells: Cells, _n: int) -> None:
    for column in ("profile_name", "call_result"):
        cells[column] = cells[column].ljust(20)


def _e164(cells: Cells, _n: int) -> None:
    for column in ("ani", "dnis"):
        cells[column] = "+1" + cells[column] if cells[column].isdecimal() else cells[column]


def _repeated_hour(cells: Cells, n: int) -> None:
    minute, wait = 4 + 7 * n, int(cells["queue_time"]) // 60
    cells["uii"] = f"'2025110201{minute:02d}07{cells['uii'][15:]}"
    cells["enqueue_time"] = f"11/2/25 1:{minute:02d} AM"
    cells["dequeue_time"] = f"11/2/25 1:{minute + wait:02d} AM"


def _other_date(cells: Cells, n: int) -> None:
    cells["uii"] = f"'202512{n + 1:02d}{cells['uii'][9:]}"


def _without_seconds(cells: Cells, _n: int) -> None:
    cells["attempt_1_disp"] = cells["attempt_1_disp"].partition("(")[0]


def _set(column: str, *values: str) -> Callable[[Cells, int], None]:
    def change(cells: Cells, n: int) -> None:
        cells[column] = values[n % len(values)]

    return change


EDITS = (
    Edit("repeated hour", 6, _repeated_hour),
    Edit("narrow space", 40, _narrow_space),
    Edit("padded cells", 25, _padded),
    Edit("E.164", 60, _e164),
    Edit("no caller", 9, _set("ani", "", "anonymous", "Anonymous")),
    Edit("unknown disposition", 8, _set("attempt_1_disp", "VOICEMAIL(11)", "REROUTED-2(3)")),
    Edit("no seconds", 10, _without_seconds),
    Edit("no profile name", 12, _set("profile_name", "")),
    Edit("other letters", 15, _set("connected_name", "Zoë Łukasik", "Céline Østby", "東京 Desk")),
    Edit("line break", 4, _set("profile_name", "Late\nNight", "Late\r\nNight")),
    Edit("doubled quotes", 5, _set("attempt_1_name", 'Jo "Ace" Reed', '"Prime" line')),
    Edit("other date", 5, _other_date),
    Edit("no number", 3, _set("queue_time", "n/a", "twelve", "--")),
    Edit("impossible time", 2, _set("enqueue_time", "13/45/25 9:71 AM", "11/31/25 4:00 PM")),
    Edit("no uii", 3, _set("uii", "")),
    Edit("not UTF-8", 2, _set("profile_name", "Caf\udce9", "\udcff\udcfeSales")),
)
"""Changes within the cells of a call; a surrogate stands for a byte that is no UTF-8."""

BROKEN = (
    ("too many fields", 4, "Sales, West,"),
    ("too few fields", 3, ""),
)
"""Calls whose line gets a wrong number of fields: what takes the place of the second field."""


def sample_month() -> tuple[bytes, dict[str, object]]:
    """Return the sample month and what is to be counted in it."""
    random = Random(SEED)
    calls = _report_cells()
    whole = [n for n, cells in enumerate(calls) if cells["attempt_1_id"] and cells["connected_id"]]
    random.shuffle(whole)
    for edit in EDITS:
        for turn in range(edit.count):
            edit.change(calls[whole.pop()], turn)
    calls.sort(key=_printed_start)
    lines = [_line(cells) for cells in calls]
    _break_fields(lines, random)
    _move_and_repeat(lines, random)
    body = b"".join(line.content for line in lines)
    counts = count_lines(lines)
    identity = {
        "file": "generated_month.csv",
        "sha256": hashlib.sha256(body).hexdigest(),
        "account_id": ACCOUNT_ID,
        "time_zone": ZONE,
        "start": f"{START:%Y-%m-%d %H:%M:%S}",
        "end": f"{END:%Y-%m-%d %H:%M:%S}",
        "bytes": len(body),
    }
    return body, {**identity, **counts}


def write_samples(folder: Path) -> None:
    """Write the sample month, its counts and the README into an existing folder."""
    body, counts = sample_month()
    text = json.dumps(counts, indent=2, ensure_ascii=False) + "\n"
    (folder / "generated_month.csv").write_bytes(body)
    (folder / "generated_month.json").write_bytes(text.encode())
    (folder / "README.md").write_bytes(readme(counts).encode())


def _report_cells() -> list[Cells]:
    history = History(SEED, calls_per_day=CALLS_PER_DAY, account_ids=(ACCOUNT_ID,))
    zone = zone_of(ZONE)
    report = Report(
        accounts=history.accounts,
        first_s=epoch_seconds(START.replace(tzinfo=zone)),
        last_s=epoch_seconds(END.replace(tzinfo=zone)),
        zone_name=ZONE,
        delimiter=",",
        profile_ids=None,
        destination_ids=None,
    )
    body = b"".join(Reporter(history, Switches()).parts(report)).decode()
    return list(csv.DictReader(body.splitlines()))


def _printed_start(cells: Cells) -> datetime:
    """Sort by the printed minute where there is one: what a service that sorts would do."""
    return printed_time(cells["enqueue_time"]) or END


def _line(cells: Cells) -> Line:
    fields = [_quoted(cells[column]) for column in COLUMN_NAMES]
    content = ",".join(fields).encode("utf-8", "surrogateescape") + b"\n"
    if not cells["uii"]:
        return Line("no_uii", content, cells)
    if any("\udc80" <= mark <= "\udcff" for mark in cells["profile_name"]):
        return Line("not_utf8", content, cells)
    return Line("row", content, cells)


def _quoted(text: str) -> str:
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _break_fields(lines: list[Line], random: Random) -> None:
    plain = [n for n, line in enumerate(lines) if line.is_plain]
    chosen = random.sample(plain, sum(count for _, count, _ in BROKEN))
    for _, count, second_field in BROKEN:
        for n in (chosen.pop() for _ in range(count)):
            fields = lines[n].content.split(b",")
            fields[1:2] = [field.encode() for field in second_field.split(",") if field]
            lines[n] = Line("field_count", b",".join(fields), lines[n].cells)


def _move_and_repeat(lines: list[Line], random: Random) -> None:
    """Move some lines down, repeat some further down, and put blank and header lines between."""
    plain = [n for n, line in enumerate(lines) if line.is_plain][:-100]
    chosen = random.sample(plain[:: _LATE_BY * 2], _LATE + _DUPLICATES + _BLANKS)
    late, repeated = chosen[:_LATE], chosen[_LATE : _LATE + _DUPLICATES]
    header = Line("header", (",".join(COLUMN_NAMES) + "\n").encode(), {})
    after: dict[int, list[Line]] = {}
    for n in late:
        after.setdefault(n + _LATE_BY, []).append(
            Line("row", lines[n].content, lines[n].cells, is_late=True)
        )
    for n in repeated:
        after.setdefault(n + _LATE_BY, []).append(Line("duplicate", lines[n].content, {}))
    for n in chosen[_LATE + _DUPLICATES :]:
        after.setdefault(n, []).append(Line("blank", b"\n", {}))
    after.setdefault(int(len(lines) * _REPEATED_HEADER_AT), []).append(header)
    moved = set(late)
    laid = [header]
    for n, line in enumerate(lines):
        laid += [] if n in moved else [line]
        laid += after.get(n, [])
    lines[:] = laid


if __name__ == "__main__":
    write_samples(Path(sys.argv[1] if len(sys.argv) > 1 else "sample_data"))
