"""Tables about a dataset: its ledger, its coverage."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.table import Table

from cdr_engine.cli.common import amount, size
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.dataset import AccountCoverage, DataFile

__all__ = ["calendar_strip", "coverage_table", "ledger_table", "listing", "span"]

WHOLE, PART, NONE = "█", "▒", "·"


def listing(*columns: str, title: str | None = None) -> Table:
    """An empty table; a column whose name ends in a space is numeric, to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.strip(), justify="right" if column.endswith(" ") else "left")
    return table


def ledger_table(files: Sequence[DataFile]) -> Table:
    """One row a data file, and their sum: bytes, rows, rejects, seconds, MB/s."""
    has_duplicates = any(file.footer.ledger.duplicates for file in files)
    columns = ["account", "window", "CSV ", "rows ", "rejects ", "seconds ", "MB/s "]
    if has_duplicates:
        columns.insert(5, "duplicates ")
    table = listing(*columns)
    for file in files:
        footer = file.footer
        what = span(footer.window, footer.time_zone) if footer.window else file.path.stem[:12] + "…"
        table.add_row(footer.account_id or "-", what, *_figures([file], has_duplicates))
    if len(files) > 1:
        table.add_section()
        count = f"{len(files)} files"
        table.add_row("all", count, *_figures(files, has_duplicates), style="bold")
    return table


def span(window: Window, time_zone: str) -> str:
    """A window in local time, as short as it can be said."""
    start, end = (bound.astimezone(ZoneInfo(time_zone)) for bound in window)
    is_whole_days = start.time() == end.time() == time()
    form = "%Y-%m-%d" if is_whole_days else "%Y-%m-%d %H:%M"
    return f"{start.strftime(form)} to {end.strftime(form)}"


def _figures(files: Sequence[DataFile], has_duplicates: bool) -> list[str]:
    from cdr_engine.ledger import Ledger

    ledger = Ledger.total(file.footer.ledger for file in files)
    seconds = sum(file.footer.seconds for file in files)
    rate = ledger.bytes / 1e6 / seconds if seconds else 0.0
    rejects = ledger.rejected_records + ledger.rejected_cells
    figures = [size(ledger.bytes), amount(ledger.rows), amount(rejects)]
    figures += [amount(ledger.duplicates)] if has_duplicates else []
    return [*figures, f"{seconds:.2f}", f"{rate:,.0f}"]


def coverage_table(accounts: Sequence[AccountCoverage]) -> Table:
    """One row an account: files, span, rows, rejects, bytes on disk and gaps."""
    table = listing(
        "account", "from", "to", "files ", "rows ", "rejects ", "on disk ", "of CSV ", "gaps "
    )
    for account in accounts:
        windows, ledger = account.windows, account.ledger
        table.add_row(
            account.account_id or "(none named)",
            f"{windows[0].start:%Y-%m-%d %H:%M}" if windows else "-",
            f"{max(window.end for window in windows):%Y-%m-%d %H:%M}" if windows else "-",
            amount(len(account.files)),
            amount(ledger.rows),
            amount(ledger.rejected_records + ledger.rejected_cells),
            size(account.size),
            size(ledger.bytes),
            amount(len(account.gaps)),
        )
    return table


def calendar_strip(account: AccountCoverage, time_zone: str) -> Table:
    """One row a month, one mark a day of the zone: covered whole, in part, not at all."""
    table = listing("month", "1        10        20        30", "days ")
    marks: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
    for day, mark in _days(account.windows, ZoneInfo(time_zone)).items():
        marks[day.year, day.month][day.day] = mark
    for (year, month), days in sorted(marks.items()):
        count = monthrange(year, month)[1]
        strip = "".join(days.get(day, NONE) for day in range(1, count + 1))
        whole = sum(mark == WHOLE for mark in days.values())
        table.add_row(f"{year}-{month:02d}", strip, f"{whole}/{count}")
    return table


def _days(windows: Sequence[Window], zone: Any) -> dict[date, str]:
    covered: dict[date, timedelta] = defaultdict(timedelta)
    for window in windows:
        day = window.start.astimezone(zone).date()
        while (bounds := _day(day, zone)).start < window.end:
            covered[day] += min(window.end, bounds.end) - max(window.start, bounds.start)
            day += timedelta(days=1)
    lengths = {day: _day(day, zone).end - _day(day, zone).start for day in covered}
    return {day: WHOLE if covered[day] >= lengths[day] else PART for day in covered}


@cache
def _day(day: date, zone: Any) -> Window:
    """From midnight to midnight; accounts and windows share their days."""
    start, end = (
        datetime.combine(moment, time(), zone).astimezone(UTC)
        for moment in (day, day + timedelta(days=1))
    )
    return Window(start, end)
