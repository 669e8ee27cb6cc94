"""One request for the Call Detail Report, checked before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, get_args
from zoneinfo import available_timezones

import msgspec

from cdr_engine.errors import RequestError

__all__ = ["Delimiter", "GroupBy", "ReportRequest"]

GroupBy = Literal["PROFILE", "DESTINATION"]
Delimiter = Literal["COMMA", "PIPE", "TAB"]
"""The vendor's EXCEL and HTML make no text with one record a line."""

ID_LISTS = {
    "PROFILE": ("cloud_profile_group_ids", "cloud_profile_ids"),
    "DESTINATION": ("cloud_destination_group_ids", "cloud_destination_ids"),
}
INCLUSIVE_END = timedelta(seconds=1)
"""The vendor's samples end at 23:59:59: `endTimestamp` is the last second that is asked for."""


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """
    The criteria of one report, as the vendor's page "Call Detail Report" names them.

    The window is half-open, [start, end), in local time of `time_zone`; on the wire its end is
    the last second inside it.

    Raises
    ------
    RequestError
        If a value breaks a rule of the page; the message says which and what to do.
    """

    account_id: str
    """Digits: the (sub-)account in the path."""
    start: datetime
    """First second of the window: local time of `time_zone`, naive, whole seconds."""
    end: datetime
    """First second after the window: local time of `time_zone`, naive, whole seconds."""
    account_ids: tuple[str, ...] = ()
    """Accounts whose calls are reported; by default the one in the path."""
    group_by: GroupBy = "PROFILE"
    cloud_profile_group_ids: tuple[int | None, ...] = ()
    """With PROFILE: groups of the profiles; None is a group id like any other."""
    cloud_profile_ids: tuple[int, ...] = ()
    cloud_destination_group_ids: tuple[int | None, ...] = ()
    """With DESTINATION: groups of the destinations; None is a group id like any other."""
    cloud_destination_ids: tuple[int, ...] = ()
    time_zone: str = "UTC"
    """TZ database name; links such as US/Arizona too."""
    delimiter: Delimiter = "COMMA"
    return_type: Literal["CSV"] = "CSV"
    repeat_option: Literal["ONCE"] = "ONCE"
    report_type_name: str = "Cloud_Call_Detail_Download"
    report_name: str = "Cloud_Call_Detail_Download"

    def __post_init__(self) -> None:
        for name in ("account_ids", *ID_LISTS["PROFILE"], *ID_LISTS["DESTINATION"]):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise RequestError(f"{name} is not a list: give a tuple of ids")
            msgspec.structs.force_setattr(self, name, tuple(value))
        if not self.account_ids:
            msgspec.structs.force_setattr(self, "account_ids", (self.account_id,))
        self.check()

    def check(self) -> None:
        """
        Check every rule of the page that can be checked without asking the service.

        Raises
        ------
        RequestError
            At the first rule that is broken; nothing was sent.
        """
        check_accounts((self.account_id, *self.account_ids))
        check_words(self)
        check_window(self.start, self.end)
        if self.time_zone not in zone_names():
            raise RequestError("time_zone is no name of the TZ database: give one like US/Arizona")
        for group_by, (groups, ids) in ID_LISTS.items():
            check_ids(self, groups, ids, is_asked=self.group_by == group_by)

    def to_json(self) -> bytes:
        """Encode as the JSON body of the page's sample request, keys in the same order."""
        return msgspec.json.encode(
            {
                "delimiter": self.delimiter,
                "reportType": "CASPER_REPORT",
                "reportTypeName": self.report_type_name,
                "reportCriteria": {
                    "accountIds": self.account_ids,
                    "groupBy": self.group_by,
                    "cloudDestinationGroupIds": self.cloud_destination_group_ids,
                    "cloudDestinationIds": self.cloud_destination_ids,
                    "cloudProfileGroupIds": self.cloud_profile_group_ids,
                    "cloudProfileIds": self.cloud_profile_ids,
                    "endTimestamp": wire_time(self.end - INCLUSIVE_END),
                    "startTimestamp": wire_time(self.start),
                    "timezoneName": self.time_zone,
                    "criteriaType": "CASPER_CRITERIA",
                    "reportName": self.report_name,
                    "returnType": self.return_type,
                    "schedule": {"repeatOption": self.repeat_option},
                },
            }
        )

    def summary(self) -> dict[str, Any]:
        """Every field as JSON values, for a data file's footer; a request holds no secret."""
        summary: dict[str, Any] = msgspec.to_builtins(self)
        return summary


def check_accounts(account_ids: tuple[str, ...]) -> None:
    """Raise RequestError unless every account id is a string of digits."""
    for account_id in account_ids:
        if not (isinstance(account_id, str) and account_id.isascii() and account_id.isdigit()):
            raise RequestError("account_id is not a string of digits: give an id of `cdr accounts`")


def check_words(request: ReportRequest) -> None:
    """Raise RequestError unless every field with a fixed vocabulary keeps to it."""
    for name, words in (
        ("group_by", get_args(GroupBy)),
        ("delimiter", get_args(Delimiter)),
        ("return_type", ("CSV",)),
        ("repeat_option", ("ONCE",)),
    ):
        if getattr(request, name) not in words:
            raise RequestError(f"{name} is not known: give {' or '.join(words)}")
    for name in ("report_type_name", "report_name"):
        if not getattr(request, name):
            raise RequestError(f"{name} is empty: leave it out for the Call Detail Report")


def check_window(start: datetime, end: datetime) -> None:
    """Raise RequestError unless the window is naive, on whole seconds and not empty."""
    for name, value in (("start", start), ("end", end)):
        if not isinstance(value, datetime) or value.tzinfo is not None:
            raise RequestError(f"{name} is not a naive datetime: give local time of time_zone")
        if value.microsecond:
            raise RequestError(f"{name} has a fraction of a second: give whole seconds")
    if start >= end:
        raise RequestError("start is not before end: the window is half-open and cannot be empty")


def check_ids(request: ReportRequest, groups_name: str, ids_name: str, *, is_asked: bool) -> None:
    """Raise RequestError unless this pair of lists is set if `group_by` asks, and empty if not."""
    groups: tuple[int | None, ...] = getattr(request, groups_name)
    ids: tuple[int, ...] = getattr(request, ids_name)
    if not is_asked and (groups or ids):
        name = groups_name if groups else ids_name
        raise RequestError(f"{name} is set although group_by is {request.group_by}: leave it empty")
    for name, values in ((groups_name, groups), (ids_name, ids)):
        if is_asked and not values:
            raise RequestError(f"{name} is empty: group_by {request.group_by} needs at least one")
        allowed = (int, type(None)) if name == groups_name else (int,)
        if not all(isinstance(v, allowed) and not isinstance(v, bool) for v in values):
            raise RequestError(f"{name} holds something else than whole numbers: give ids")


@cache
def zone_names() -> frozenset[str]:
    """Names of the TZ database, links included, without those that mean another zone elsewhere."""
    return frozenset(available_timezones()) - {"localtime", "Factory", "posixrules"}


def wire_time(value: datetime) -> str:
    """ANSI SQL 92 TIMESTAMP to whole seconds, as the page's sample request has it."""
    return value.isoformat(sep=" ", timespec="seconds")
