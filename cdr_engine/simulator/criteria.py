"""The body of a report request, checked against the vendor's reference page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from cdr_engine.simulator.centre import Account, Group
from cdr_engine.simulator.switches import DELIMITERS, Delimiter, Switches
from cdr_engine.simulator.zones import epoch_seconds, zone_of

__all__ = ["BadReport", "Report", "read_report"]

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


def read_report(body: bytes, known: Sequence[Account], switches: Switches) -> Report:
    """
    Check a request body against the reference page; only `known` accounts may be named.

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
    accounts = _accounts(criteria.account_ids, known)
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


def _accounts(account_ids: list[str], known: Sequence[Account]) -> tuple[Account, ...]:
    if not account_ids:
        raise BadReport("reportCriteria.accountIds", "must not be empty")
    by_id = {account.account_id: account for account in known}
    unknown = [account_id for account_id in account_ids if account_id not in by_id]
    if unknown:
        raise BadReport("reportCriteria.accountIds", "no such account", unknown[0])
    return tuple(by_id[account_id] for account_id in dict.fromkeys(account_ids))


def _chosen(
    groups: Mapping[int, Group], ids: Collection[int], group_ids: Collection[int | None]
) -> frozenset[int]:
    """Return the ids that are chosen together with their group."""
    return frozenset(m for m, group in groups.items() if m in ids and group.group_id in group_ids)
