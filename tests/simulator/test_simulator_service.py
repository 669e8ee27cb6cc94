from __future__ import annotations

import copy
import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdr_engine.simulator import History, Switches

FIRST, SECOND = "13670001", "15300001"
START = datetime(2024, 3, 4, tzinfo=UTC)


def uiis(text: str) -> list[str]:
    """Return the uii of each line that has one."""
    return [line.split("'")[1][:30] for line in text.splitlines() if "'" in line]


def test_vendor_request(shared: Any, history: History, vendor_request: dict[str, Any]) -> None:
    """The request of the vendor's page works as printed there, its fraction-less times included."""
    start, end = datetime(2020, 4, 19, 19, tzinfo=UTC), datetime(2020, 5, 20, 7, tzinfo=UTC)
    chosen = [1111, 2222, 3333, 4444]
    expected = [c["uii"] for a in (FIRST, SECOND) for c in history.calls(a, start, end, chosen)]
    answer = shared.report(vendor_request)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv;charset=UTF-8"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert expected == uiis(answer.text)


def test_fractions_of_seconds(shared: Any, make_request: Callable[..., Any]) -> None:
    """Times may have a fraction, as the prose of the vendor's page shows."""
    plain = shared.report(make_request())
    found = shared.report(make_request("2024-03-04 00:00:00.0000", "2024-03-05 23:59:59.0000"))

    assert plain.text == found.text


@pytest.mark.parametrize("inclusive", [True, False])
def test_end(
    with_switches: Callable[..., Any],
    history: History,
    make_request: Callable[..., Any],
    inclusive: bool,
) -> None:
    """A call in the very second of endTimestamp belongs to the report, unless switched off."""
    last = history.calls(FIRST, START, START + timedelta(days=1))[-1]
    caller = with_switches(end_inclusive=inclusive)
    answer = caller.report(make_request(end=f"{last['start']:%Y-%m-%d %H:%M:%S}"))

    assert (last["uii"] in uiis(answer.text)) == inclusive


def test_windows_of_seconds_add_up(shared: Any, make_request: Callable[..., Any]) -> None:
    """Neighbouring reports with ends a second apart hold each call once."""
    whole = shared.report(make_request()).text
    parts = [
        shared.report(make_request(start, end)).text
        for start, end in (
            ("2024-03-04 00:00:00", "2024-03-04 15:31:07"),
            ("2024-03-04 15:31:08", "2024-03-05 16:00:00"),
            ("2024-03-05 16:00:01", "2024-03-05 23:59:59"),
        )
    ]

    assert uiis(whole) == [uii for part in parts for uii in uiis(part)]


def test_overlap(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """With an overlap, a report also holds the first calls of the next."""
    longer = with_switches().report(make_request(end="2024-03-05 15:59:59"))
    caller = with_switches(overlap_s=3600)

    assert longer.text == caller.report(make_request(end="2024-03-05 14:59:59")).text


def test_profiles_need_their_group(
    shared: Any, history: History, make_request: Callable[..., Any]
) -> None:
    """A profile counts only together with its group, the group of no group included."""
    by_group = [
        uiis(shared.report(make_request(cloudProfileGroupIds=[group])).text)
        for group in {p.group.group_id for p in history.account(FIRST).profiles}
    ]
    whole = uiis(shared.report(make_request()).text)

    assert sorted(whole) == sorted(uii for part in by_group for uii in part)
    assert all(by_group)


def test_by_destination(shared: Any, history: History, make_request: Callable[..., Any]) -> None:
    """Grouped by destination, the report holds the calls that tried or reached one of them."""
    wanted = history.account(FIRST).destinations[1]
    request = make_request(
        groupBy="DESTINATION",
        cloudDestinationIds=[wanted.destination_id],
        cloudDestinationGroupIds=[wanted.group.group_id],
    )
    ids = [wanted.destination_id]
    calls = history.calls(FIRST, START, START + timedelta(days=2), destination_ids=ids)

    assert [call["uii"] for call in calls] == uiis(shared.report(request).text)


def test_gzip_when_asked(
    with_switches: Callable[..., Any], make_request: Callable[..., Any]
) -> None:
    """A body is compressed when Accept-Encoding asks for it, and never when switched off."""
    caller, plain = with_switches(), with_switches(gzip=False)
    path = f"/api/v1/admin/accounts/{FIRST}/reportsStreaming"
    headers = {"Accept-Encoding": "gzip"}
    request = make_request()
    with caller.client.stream(
        "POST", caller.simulator.base_url + path, json=request, headers=headers
    ) as answer:
        raw = b"".join(answer.iter_raw())

    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == caller.report(request).content
    assert "content-encoding" not in plain.report(request, Accept_Encoding="gzip").headers


WRONG: list[tuple[str, object, str]] = [
    ("reportType", "ALL_CALLS", "reportType"),
    ("delimiter", "EXCEL", "delimiter"),
    ("reportCriteria.groupBy", "ACCOUNT", "reportCriteria.groupBy"),
    ("reportCriteria.accountIds", [], "reportCriteria.accountIds"),
    ("reportCriteria.accountIds", ["1"], "reportCriteria.accountIds"),
    ("reportCriteria.accountIds", [13670001], "reportCriteria.accountIds[0]"),
    ("reportCriteria.cloudProfileIds", ["1111"], "reportCriteria.cloudProfileIds[0]"),
    ("reportCriteria.cloudProfileIds", [None], "reportCriteria.cloudProfileIds[0]"),
    ("reportCriteria.timezoneName", "US/Mars", "reportCriteria.timezoneName"),
    ("reportCriteria.timezoneName", "../etc", "reportCriteria.timezoneName"),
    ("reportCriteria.startTimestamp", "2020-04-22T00:00:00Z", "reportCriteria.startTimestamp"),
    ("reportCriteria.startTimestamp", "2020-04-31 00:00:00", "reportCriteria.startTimestamp"),
    ("reportCriteria.endTimestamp", "2020-04-18 00:00:00", "reportCriteria.endTimestamp"),
    ("reportCriteria.returnType", "XML", "reportCriteria.returnType"),
    ("reportCriteria.schedule", {"repeatOption": "DAILY"}, "reportCriteria.schedule.repeatOption"),
]


@pytest.mark.parametrize(("path", "value", "attribute"), WRONG)
def test_bad_request(
    shared: Any, vendor_request: dict[str, Any], path: str, value: object, attribute: str
) -> None:
    """What breaks a rule of the reference page is a 400 that names the attribute."""
    request = copy.deepcopy(vendor_request)
    *above, name = path.split(".")
    place = request
    for step in above:
        place = place[step]
    place[name] = value
    answer = shared.report(request)
    error = answer.json()

    assert answer.status_code == 400
    assert attribute == error["validationErrors"][0]["attributeName"]
    assert error["generalMessage"] == "The supplied data is not valid"
    assert error["requestUri"].endswith("/reportsStreaming - POST")


def test_body_that_is_no_json(shared: Any) -> None:
    """A body that cannot be read is a 400, too."""
    path = f"/api/v1/admin/accounts/{FIRST}/reportsStreaming"
    answer = shared.client.post(shared.simulator.base_url + path, content=b"{")

    assert answer.status_code == 400
    assert answer.json()["validationErrors"][0]["attributeName"] == "body"


def test_unknown_account_in_the_path(shared: Any, make_request: Callable[..., Any]) -> None:
    """An account in the path that is not there is a 404 with the Errors JSON."""
    answer = shared.report(make_request(), account="1")

    assert answer.status_code == 404
    assert answer.json()["generalMessage"] == "The resource you have requested does not exist"


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "bearer x"}])
@pytest.mark.parametrize("path", ["accounts", "users", "accounts/13670001/reportsStreaming"])
def test_unauthorized(shared: Any, path: str, headers: dict[str, str]) -> None:
    """Without a token that lives, every endpoint answers 401 in plain text."""
    method = "POST" if path.endswith("Streaming") else "GET"
    url = f"{shared.simulator.base_url}/api/v1/admin/{path}"
    answer = shared.client.request(method, url, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "Jwt is expired"


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER"])
def test_scheme_in_any_case(shared: Any, scheme: str) -> None:
    """The scheme of the Authorization header is read in any case, as the vendor writes both."""
    url = f"{shared.simulator.base_url}/api/v1/admin/accounts"
    headers = {"Authorization": f"{scheme} {shared.simulator.token}"}

    assert shared.client.get(url, headers=headers).status_code == 200


def test_legacy_header(shared: Any) -> None:
    """X-Auth-Token is accepted in place of a bearer."""
    url = f"{shared.simulator.base_url}/api/v1/admin/accounts"
    headers = {"Authorization": "", "X-Auth-Token": shared.simulator.token}

    assert shared.client.get(url, headers=headers).status_code == 200


def test_accounts(shared: Any, history: History) -> None:
    """Accounts are listed with ids as strings of digits."""
    found = shared.get("/api/v1/admin/accounts").json()

    assert [FIRST, SECOND] == [account["accountId"] for account in found]
    assert [a.name for a in history.accounts] == [account["accountName"] for account in found]


def test_users(shared: Any) -> None:
    """Users are a tree by default, and the same users in a list with `flatten=true`."""
    (root,) = shared.get("/api/v1/admin/users").json()
    flat = shared.get("/api/v1/admin/users", flatten="true").json()
    tree = [root["userId"], *(child["userId"] for child in root["children"])]

    assert root["rootUser"]
    assert tree == [user["userId"] for user in flat]
    assert not any(user["children"] for user in flat)


def test_users_forbidden(with_switches: Callable[..., Any]) -> None:
    """A mere reporting user gets a 403 for the list of users."""
    answer = with_switches(users_forbidden=True).get("/api/v1/admin/users")

    assert answer.status_code == 403


@pytest.mark.parametrize("product", ["CLOUD_PROFILE", "CLOUD_DESTINATION"])
def test_input_controls(shared: Any, history: History, product: str) -> None:
    """Input controls list every profile, or destination, below its group, one group being null."""
    path = f"/api/v1/admin/accounts/{FIRST}/users/1/reports/inputControls"
    groups = shared.get(path, accountIds=FIRST, products=product).json()
    found = {child["objId"]: g["groupId"] for g in groups for child in g["children"]}
    account = history.account(FIRST)
    members = {p.profile_id: p.group.group_id for p in account.profiles}
    if product == "CLOUD_DESTINATION":
        members = {d.destination_id: d.group.group_id for d in account.destinations}

    assert members == found
    assert None in {group["groupId"] for group in groups}
    assert {product} == {group["product"] for group in groups}


def test_unknown_product(shared: Any) -> None:
    """Input controls for another product are a 400."""
    path = f"/api/v1/admin/accounts/{FIRST}/users/1/reports/inputControls"

    assert shared.get(path, products="GATE").status_code == 400


@pytest.mark.parametrize("path", ["/api/v1/admin/accounts", "/v1/admin/accounts", "/", "/voice/x"])
def test_wrong_prefix(shared: Any, path: str) -> None:
    """Without /voice/api, the web application answers 200 with its page."""
    answer = shared.client.get(shared.simulator.origin + path)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!doctype html>")


def test_unknown_endpoint(shared: Any) -> None:
    """An endpoint that is not there is a 404 with the Errors JSON."""
    answer = shared.get("/api/v1/admin/nothing")

    assert answer.status_code == 404
    assert "requestUri" in answer.json()


def test_rate_limit(with_switches: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """Past the limit a report call gets 429 with the wait, and after it is served again."""
    caller = with_switches(rate_limit="2/1s,9/15min")
    codes = [caller.report(make_request()).status_code for _ in range(2)]
    refused = caller.report(make_request())

    assert codes == [200, 200]
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-rate-limit-limit"] == "2"
    assert json.loads(refused.text)["errors"][0]["errorCode"] == "CMN-301"
    time.sleep(1.02)
    assert caller.report(make_request()).status_code == 200


@pytest.mark.parametrize("text", ["3", "0/60s", "3/0s", "3/60d", "often"])
def test_rate_limit_that_is_none(text: str) -> None:
    """A rate limit that cannot be read is refused."""
    with pytest.raises(ValueError, match="rate_limit"):
        Switches(rate_limit=text)
