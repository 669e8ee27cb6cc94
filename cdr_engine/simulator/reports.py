"""
The report: a request body checked, and the parts of the CSV that answer it.

A rendered day of an account is kept in memory (up to `CACHE_BYTES`), so a second request for the
same days sends slices of buffers that are already there.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa

from cdr_engine.simulator.arrivals import Ints
from cdr_engine.simulator.bounded import Bounded
from cdr_engine.simulator.centre import Account, Group
from cdr_engine.simulator.history import History, selected
from cdr_engine.simulator.rendering import Renderer
from cdr_engine.simulator.switches import DELIMITERS, Delimiter, Switches
from cdr_engine.simulator.zones import epoch_seconds, zone_of

__all__ = ["BadReport", "Report", "Reporter", "gzipped", "read_report"]

CACHE_BYTES = 512 * 2**20
"""Memory for rendered days."""

_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?")


class BadReport(ValueError):
    """A request body the service does not accept: which attribute, why, and its value."""

    def __init__(self, attribute: str, message: str, value: str | None = None) -> None:
        super().__init__(f"{attribute}: {message}")
        self.error: dict[str, str | None] = {
            "attributeName": attribute,
            "message": message,
            "value": value,
        }


class _Schedule(msgspec.Struct, rename="camel", frozen=True):
    repeat_option: Literal["ONCE"]


class _Criteria(msgspec.Struct, rename="camel", frozen=True):
    account_ids: list[str]
    group_by: Literal["PROFILE", "DESTINATION"]
    start_timestamp: str
    end_timestamp: str
    timezone_name: str
    criteria_type: Literal["CASPER_CRITERIA"]
    report_name: Literal["Cloud_Call_Detail_Download"]
    return_type: Literal["CSV"]
    schedule: _Schedule
    cloud_profile_group_ids: list[int | None] = []
    cloud_profile_ids: list[int] = []
    cloud_destination_group_ids: list[int | None] = []
    cloud_destination_ids: list[int] = []


class _Request(msgspec.Struct, rename="camel", frozen=True):
    report_type: Literal["CASPER_REPORT"]
    report_type_name: Literal["Cloud_Call_Detail_Download"]
    report_criteria: _Criteria
    delimiter: Delimiter = "COMMA"


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was asked for; the seconds are epoch seconds, both ends included."""

    accounts: tuple[Account, ...]
    first_s: int
    last_s: int
    zone_name: str
    delimiter: str
    profile_ids: frozenset[int] | None
    destination_ids: frozenset[int] | None


def read_report(body: bytes, history: History, switches: Switches) -> Report:
    """
    Check a request body against the reference page.

    Raises
    ------
    BadReport
        It is not the JSON the page describes, or names a zone, time or account that is none.
    """
    try:
        request = msgspec.json.decode(body, type=_Request)
    except msgspec.DecodeError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise BadReport(path.rstrip("`") or "body", message) from error
    criteria = request.report_criteria
    first_s = _moment("startTimestamp", criteria.start_timestamp, criteria.timezone_name)
    last_s = _moment("endTimestamp", criteria.end_timestamp, criteria.timezone_name)
    if last_s < first_s:
        attribute = "reportCriteria.endTimestamp"
        raise BadReport(attribute, "is before startTimestamp", criteria.end_timestamp)
    accounts = _accounts(criteria.account_ids, history)
    profile_ids: frozenset[int] | None = None
    destination_ids: frozenset[int] | None = None
    if criteria.group_by == "PROFILE":
        groups = {p.profile_id: p.group for account in accounts for p in account.profiles}
        chosen = criteria.cloud_profile_ids, criteria.cloud_profile_group_ids
        profile_ids = _chosen(groups, *chosen)
        if len(profile_ids) == len(groups):
            profile_ids = None
    else:
        groups = {d.destination_id: d.group for account in accounts for d in account.destinations}
        chosen = criteria.cloud_destination_ids, criteria.cloud_destination_group_ids
        destination_ids = _chosen(groups, *chosen)
    return Report(
        accounts=accounts,
        first_s=first_s,
        last_s=last_s - (not switches.end_inclusive) + switches.overlap_s,
        zone_name=criteria.timezone_name,
        delimiter=DELIMITERS[request.delimiter],
        profile_ids=profile_ids,
        destination_ids=destination_ids,
    )


def _moment(attribute: str, text: str, zone_name: str) -> int:
    try:
        zone = zone_of(zone_name)
    except ValueError as error:
        raise BadReport("reportCriteria.timezoneName", str(error), zone_name) from error
    match = _TIMESTAMP.fullmatch(text)
    try:
        local = datetime.fromisoformat(match[1] if match else "")
    except ValueError as error:
        message = "is no ANSI SQL 92 timestamp"
        raise BadReport(f"reportCriteria.{attribute}", message, text) from error
    return epoch_seconds(local.replace(tzinfo=zone))


def _accounts(account_ids: list[str], history: History) -> tuple[Account, ...]:
    if not account_ids:
        raise BadReport("reportCriteria.accountIds", "must not be empty")
    known = {account.account_id: account for account in history.accounts}
    unknown = [account_id for account_id in account_ids if account_id not in known]
    if unknown:
        raise BadReport("reportCriteria.accountIds", "no such account", unknown[0])
    return tuple(known[account_id] for account_id in dict.fromkeys(account_ids))


def _chosen(
    groups: Mapping[int, Group], ids: Collection[int], group_ids: Collection[int | None]
) -> frozenset[int]:
    """Return the ids that are chosen together with their group."""
    return frozenset(m for m, group in groups.items() if m in ids and group.group_id in group_ids)


class Reporter:
    """
    Makes the bodies of reports.

    Parameters
    ----------
    history
        Where the calls come from.
    switches
        How the vendor's open questions are answered.
    """

    def __init__(self, history: History, switches: Switches) -> None:
        self._history = history
        self._switches = switches
        self._renderers: dict[tuple[str, str], Renderer] = {}
        self._days: Bounded[tuple[str, str, str, int], pa.BinaryArray] = Bounded(
            CACHE_BYTES, lambda lines: int(lines.nbytes)
        )

    def parts(self, report: Report) -> Iterator[bytes | memoryview]:
        """Yield a body part by part: the header line, then the lines of each account and day."""
        line_end = self._switches.line_end.encode()
        header = self._renderer(report.accounts[0], report.delimiter).header
        yield codecs.BOM_UTF8 + header if self._switches.bom else header
        for position, account in enumerate(report.accounts):
            if position and self._switches.header_per_account:
                yield line_end + header
            for day, part in self._history.slices(
                account.account_id, report.first_s, report.last_s
            ):
                lines = self._lines(report, account, day, part)
                if len(lines):
                    yield _joined(lines)
        if self._switches.final_newline:
            yield line_end

    def _renderer(self, account: Account, delimiter: str) -> Renderer:
        key = account.account_id, delimiter
        if key not in self._renderers:
            self._renderers[key] = Renderer(account, self._switches, delimiter)
        return self._renderers[key]

    def _lines(self, report: Report, account: Account, day: int, part: slice) -> pa.BinaryArray:
        calls = self._history.day(account.account_id, day)
        renderer = self._renderer(account, report.delimiter)
        lines = self._days.get(
            (account.account_id, report.delimiter, report.zone_name, day),
            lambda: renderer.lines(calls, report.zone_name),
        )
        ordered = self._switches.row_order == "start"
        if report.profile_ids is None and report.destination_ids is None and ordered:
            return lines.slice(part.start, part.stop - part.start)
        kept = selected(account, calls[part], report.profile_ids, report.destination_ids)
        return lines.take(pa.array(self._ordered(np.flatnonzero(kept) + part.start, day)))

    def _ordered(self, positions: Ints, day: int) -> Ints:
        if self._switches.row_order == "reversed":
            return positions[::-1].copy()
        if self._switches.row_order == "shuffled":
            return np.random.default_rng(abs(day)).permutation(positions)
        return positions


def _joined(lines: pa.BinaryArray) -> memoryview:
    """Return the bytes of consecutive lines, without a copy."""
    _, offsets, content = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(content)[int(ends[0]) : int(ends[-1])]


def gzipped(parts: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the parts of a body as one gzip stream."""
    packer = zlib.compressobj(level=1, wbits=31)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()
