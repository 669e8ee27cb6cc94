"""The request: the page's sample, and every rule of the page that can be checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cdr_engine.api import ReportRequest
from cdr_engine.errors import RequestError, UsageError

SAMPLE = """
{
"delimiter":"COMMA",
"reportType":"CASPER_REPORT",
"reportTypeName":"Cloud_Call_Detail_Download",
"reportCriteria":{
"accountIds":["13670001","15300001"],
"groupBy":"PROFILE",
"cloudDestinationGroupIds":[],
"cloudDestinationIds":[],
"cloudProfileGroupIds":[111,null],
"cloudProfileIds":[1111,2222,3333,4444],
"endTimestamp":"2020-05-19 23:59:59",
"startTimestamp":"2020-04-19 12:00:00",
"timezoneName":"US/Arizona",
"criteriaType":"CASPER_CRITERIA",
"reportName":"Cloud_Call_Detail_Download",
"returnType":"CSV",
"schedule":{"repeatOption":"ONCE"}
}
}
"""
"""The sample request of the vendor's page "Call Detail Report"."""


def local(text: str) -> datetime:
    """Read a naive local time."""
    return datetime.fromisoformat(text)


VALID: dict[str, Any] = {
    "account_id": "13670001",
    "account_ids": ("13670001", "15300001"),
    "start": local("2020-04-19 12:00:00"),
    "end": local("2020-05-20 00:00:00"),
    "time_zone": "US/Arizona",
    "cloud_profile_group_ids": (111, None),
    "cloud_profile_ids": (1111, 2222, 3333, 4444),
}
BY_DESTINATION: dict[str, Any] = VALID | {
    "group_by": "DESTINATION",
    "cloud_profile_group_ids": (),
    "cloud_profile_ids": (),
    "cloud_destination_group_ids": (None,),
    "cloud_destination_ids": (4546,),
}


def test_sample_request() -> None:
    """The page's sample comes out key for key, in its order, with its inclusive end."""
    encoded = ReportRequest(**VALID).to_json()

    assert list(json.loads(encoded)) == list(json.loads(SAMPLE))
    assert list(json.loads(encoded)["reportCriteria"]) == list(json.loads(SAMPLE)["reportCriteria"])
    assert json.loads(encoded) == json.loads(SAMPLE)


def test_account_of_the_path_is_the_default() -> None:
    """Without a list of accounts, the one in the path is reported."""
    request = ReportRequest(**VALID | {"account_ids": ()})

    assert request.account_ids == ("13670001",)


def test_by_destination() -> None:
    """Grouped by destination, the profile lists go out empty."""
    criteria = json.loads(ReportRequest(**BY_DESTINATION).to_json())["reportCriteria"]

    assert criteria["groupBy"] == "DESTINATION"
    assert criteria["cloudDestinationGroupIds"] == [None]
    assert criteria["cloudDestinationIds"] == [4546]
    assert criteria["cloudProfileGroupIds"] == criteria["cloudProfileIds"] == []


def test_lists_become_tuples() -> None:
    """A list of ids is taken, and cannot be changed afterwards."""
    request = ReportRequest(**VALID | {"cloud_profile_ids": [1, 2]})

    assert request.cloud_profile_ids == (1, 2)
    assert hash(request)


def test_summary_holds_every_field() -> None:
    """The summary is plain JSON values and enough to make the request again."""
    request = ReportRequest(**VALID)
    summary = json.loads(json.dumps(request.summary()))

    assert summary["start"] == "2020-04-19T12:00:00"
    assert set(summary) == set(ReportRequest.__struct_fields__)
    assert msgspec.convert(summary, ReportRequest) == request


@pytest.mark.parametrize("zone", ["UTC", "US/Pacific", "America/New_York", "Etc/GMT+5", "EST5EDT"])
def test_zone_names(zone: str) -> None:
    """Names of the TZ database are taken, links included."""
    assert ReportRequest(**VALID | {"time_zone": zone}).time_zone == zone


@pytest.mark.parametrize("delimiter", ["COMMA", "PIPE", "TAB"])
def test_delimiters(delimiter: str) -> None:
    """The three delimiters that make one record a line are taken."""
    request = ReportRequest(**VALID | {"delimiter": delimiter})

    assert json.loads(request.to_json())["delimiter"] == delimiter


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"account_id": ""}, "account_id"),
        ({"account_id": 13670001}, "account_id"),
        ({"account_id": "../1"}, "account_id"),
        ({"account_id": "١٢"}, "account_id"),
        ({"account_ids": ("1", "x")}, "account_id"),
        ({"account_ids": "13670001"}, "account_ids"),
        ({"group_by": "profile"}, "group_by"),
        ({"group_by": "DESTINATION"}, "cloud_profile_group_ids"),
        ({"cloud_profile_ids": ()}, "cloud_profile_ids"),
        ({"cloud_profile_group_ids": ()}, "cloud_profile_group_ids"),
        ({"cloud_profile_ids": (1, None)}, "cloud_profile_ids"),
        ({"cloud_profile_ids": (1, "2")}, "cloud_profile_ids"),
        ({"cloud_profile_ids": (True,)}, "cloud_profile_ids"),
        ({"cloud_profile_ids": 1111}, "cloud_profile_ids"),
        ({"cloud_profile_group_ids": ("111",)}, "cloud_profile_group_ids"),
        ({"cloud_destination_ids": (4546,)}, "cloud_destination_ids"),
        ({"cloud_destination_group_ids": (None,)}, "cloud_destination_group_ids"),
        ({"start": VALID["end"]}, "start"),
        ({"start": VALID["end"] + timedelta(days=1)}, "start"),
        ({"start": VALID["start"].replace(microsecond=1)}, "start"),
        ({"end": VALID["end"].replace(tzinfo=UTC)}, "end"),
        ({"end": "2020-05-20"}, "end"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "America"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"delimiter": "EXCEL"}, "delimiter"),
        ({"return_type": "XML"}, "return_type"),
        ({"repeat_option": "DAILY"}, "repeat_option"),
        ({"report_name": ""}, "report_name"),
        ({"report_type_name": ""}, "report_type_name"),
    ],
)
def test_broken_rule(change: dict[str, Any], field: str) -> None:
    """A value that breaks a rule is refused on one line that names the field and what to do."""
    with pytest.raises(RequestError, match=f"^{field} [^\n]+: [^\n]+$"):
        ReportRequest(**VALID | change)


@pytest.mark.parametrize("change", [{"cloud_destination_ids": ()}, {"cloud_profile_ids": (1,)}])
def test_broken_rule_by_destination(change: dict[str, Any]) -> None:
    """The rules of the lists hold the other way round too."""
    with pytest.raises(UsageError):
        ReportRequest(**BY_DESTINATION | change)


def test_a_changed_copy_is_checked() -> None:
    """A copy with another window is checked like a new request."""
    with pytest.raises(RequestError, match="start is not before end"):
        msgspec.structs.replace(ReportRequest(**VALID), start=VALID["end"])
