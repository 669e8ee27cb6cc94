from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.schema import HEADER
from cdr_engine.simulator import COLUMN_NAMES, PADDABLE, History, Switches
from cdr_engine.simulator.criteria import Report
from cdr_engine.simulator.reports import Reporter
from cdr_engine.simulator.zones import instant

FIRST, SECOND = "13670001", "15300001"
START = datetime(2024, 3, 4, tzinfo=UTC)


def expected_cells(call: dict[str, Any], zone: str) -> list[str]:
    """Print a truth record by plain Python, as the vendor's example prints its calls."""
    cells = {column: "" if call[column] is None else str(call[column]) for column in COLUMN_NAMES}
    for column in ("enqueue_time", "dequeue_time"):
        local = call[column].astimezone(ZoneInfo(zone))
        cells[column] = (
            f"{local.month}/{local.day}/{local:%y} {local.hour % 12 or 12}:{local:%M %p}"
        )
    cells["uii"] = "'" + call["uii"]
    cells["call_state"] = call["call_state"].ljust(20)
    cells["is_cellular"] = "Yes" if call["is_cellular"] else "No"
    return list(cells.values())


def rows(body: httpx.Response, delimiter: str = ",") -> list[list[str]]:
    """Read a report by the csv module."""
    return list(csv.reader(io.StringIO(body.text, newline=""), delimiter=delimiter))


def test_header_is_the_engines() -> None:
    """The header the simulator sends is the one the engine's table of columns makes."""
    assert ",".join(COLUMN_NAMES) == HEADER


@pytest.mark.parametrize("zone", ["UTC", "US/Arizona", "Asia/Kathmandu", "Pacific/Auckland"])
def test_csv_is_the_truth(
    shared: Any, history: History, make_request: Callable[..., Any], zone: str
) -> None:
    """Every cell of a report is the truth as printed by other code, in any zone."""
    local = ZoneInfo(zone)
    start = datetime(2024, 3, 4, tzinfo=local)
    calls = history.calls(FIRST, start, start + timedelta(days=2))
    header, *found = rows(shared.report(make_request(zone=zone)))

    assert list(COLUMN_NAMES) == header
    assert len(calls) > 100
    assert [expected_cells(call, zone) for call in calls] == found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(-3, 1000),
    zone=st.sampled_from(sorted(available_timezones())),
    first_s=st.integers(-(10**9), 4 * 10**9),
    seconds=st.integers(0, 3 * 86_400),
)
def test_csv_is_the_truth_anywhere(seed: int, zone: str, first_s: int, seconds: int) -> None:
    """Whatever the seed, the zone, the year and the window, the CSV is the truth."""
    history = History(seed, calls_per_day=30, account_ids=("7",))
    start, end = instant(first_s), instant(first_s + seconds + 1)
    report = Report(history.accounts, first_s, first_s + seconds, zone, ",", None, None)
    body = b"".join(Reporter(history, Switches()).parts(report)).decode()
    calls = history.calls("7", start, end)

    assert [expected_cells(call, zone) for call in calls] == list(
        csv.reader(io.StringIO(body, newline=""))
    )[1:]


@pytest.mark.parametrize("day", ["2025-03-09", "2025-11-02"])
def test_days_of_the_clock_change(
    shared: Any, history: History, make_request: Callable[..., Any], day: str
) -> None:
    """On the days when clocks change, each instant is printed as the clock on the wall had it."""
    zone = "US/Eastern"
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = (start + timedelta(days=1)).astimezone(UTC)
    calls = history.calls(FIRST, start.astimezone(UTC), end)
    request = make_request(f"{day} 00:00:00", f"{day} 23:59:59", zone)
    found = rows(shared.report(request))[1:]

    assert [expected_cells(call, zone) for call in calls] == found


def test_plain_line_ends(shared: Any, make_request: Callable[..., Any]) -> None:
    """By default lines end in LF, the last one too, and the body starts with the header."""
    body = shared.report(make_request()).content

    assert body.startswith(b"cloud_profile_id,")
    assert body.endswith(b"\n")
    assert b"\r" not in body


def test_crlf(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """With CRLF, every line ends in it and nothing else changes."""
    plain = with_switches().report(make_request()).content
    body = with_switches(line_end="\r\n").report(make_request()).content

    assert body == plain.replace(b"\n", b"\r\n")


def test_bom(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """With a byte order mark, it is the first three bytes, once."""
    body = with_switches(bom=True).report(make_request()).content

    assert body.startswith(codecs.BOM_UTF8 + b"cloud_profile_id")
    assert body.count(codecs.BOM_UTF8) == 1


def test_narrow_space(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """With narrow spaces, U+202F stands before AM and PM and nowhere else."""
    plain = with_switches().report(make_request()).text
    body = with_switches(narrow_space=True).report(make_request()).text

    assert body.replace("\u202f", " ") == plain
    assert body.count("\u202f") == 2 * (body.count("\n") - 1)


def test_no_final_newline(
    with_switches: Callable[..., Any], make_request: Callable[..., Any]
) -> None:
    """Without a final newline the body lacks its last byte and nothing else."""
    plain = with_switches().report(make_request()).content
    body = with_switches(final_newline=False).report(make_request()).content

    assert body == plain[:-1]


def test_unquoted(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """Without quotes, a comma in a name makes a line of too many fields."""
    body = with_switches(quoted=False).report(make_request())

    assert '"' not in body.text
    assert {len(row) for row in rows(body)} > {34}


def test_padded(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """Every column that can be padded is padded, and stripping gives the plain report."""
    plain = rows(with_switches(padded=()).report(make_request()))
    found = rows(with_switches(padded=PADDABLE).report(make_request()))
    widths = {len(row[COLUMN_NAMES.index("profile_name")]) for row in found[1:]}

    assert widths == {20}
    assert [[cell.strip() for cell in row] for row in found] == plain


def test_cannot_be_padded() -> None:
    """A column that is no padded text upstream is refused by name."""
    with pytest.raises(ValueError, match="queue_time"):
        Switches(padded=("queue_time",))


def test_e164(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """With E.164, ten digits become +1 and ten digits; other callers and routes stay."""
    plain = rows(with_switches().report(make_request()))
    found = rows(with_switches(e164=True).report(make_request()))
    phones = {
        n for n, name in enumerate(COLUMN_NAMES) if name in {"ani", "dnis"} or "route" in name
    }
    expected = [
        ["+1" + c if n in phones and len(c) == 10 and c.isdigit() else c for n, c in enumerate(row)]
        for row in plain
    ]

    assert expected == found
    assert "sip:" in str(found)


@pytest.mark.parametrize(("name", "mark"), [("PIPE", "|"), ("TAB", "\t")])
def test_delimiter(shared: Any, make_request: Callable[..., Any], name: str, mark: str) -> None:
    """Another delimiter changes how the cells are kept apart, not the cells."""
    body = shared.report(make_request(delimiter=name))

    assert rows(shared.report(make_request())) == rows(body, mark)


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_row_order(
    with_switches: Callable[..., Any], make_request: Callable[..., Any], order: str
) -> None:
    """In another order the rows are the same rows, and the same order each time."""
    plain = rows(with_switches().report(make_request()))[1:]
    caller = with_switches(row_order=order)
    found = rows(caller.report(make_request()))[1:]

    assert plain != found
    assert sorted(plain) == sorted(found)
    assert found == rows(caller.report(make_request()))[1:]


def test_accounts_one_after_another(
    with_switches: Callable[..., Any], history: History, make_request: Callable[..., Any]
) -> None:
    """A report over two accounts has one header, or one for each account."""
    request = make_request(accounts=(FIRST, SECOND))
    once = rows(with_switches().report(request))
    twice = rows(with_switches(header_per_account=True).report(request))
    size = len(history.calls(FIRST, START, START + timedelta(days=2)))
    uiis = [row[2] for row in once]

    assert uiis[1 : size + 1] == sorted(uiis[1 : size + 1])
    assert uiis[size + 1 :] == sorted(uiis[size + 1 :])
    assert [1 + size] == [n for n, row in enumerate(twice) if n and row == list(COLUMN_NAMES)]
    assert len(once) + 1 == len(twice)


def test_empty_report(shared: Any, make_request: Callable[..., Any]) -> None:
    """A report without calls is its header line."""
    body = shared.report(make_request(cloudProfileIds=[]))

    assert (",".join(COLUMN_NAMES) + "\n").encode() == body.content
