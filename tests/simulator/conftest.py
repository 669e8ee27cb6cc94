from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from cdr_engine.simulator import TOKEN, History, Simulator, Switches

VENDOR_REQUEST: dict[str, Any] = {
    "delimiter": "COMMA",
    "reportType": "CASPER_REPORT",
    "reportTypeName": "Cloud_Call_Detail_Download",
    "reportCriteria": {
        "accountIds": ["13670001", "15300001"],
        "groupBy": "PROFILE",
        "cloudDestinationGroupIds": [],
        "cloudDestinationIds": [],
        "cloudProfileGroupIds": [111, None],
        "cloudProfileIds": [1111, 2222, 3333, 4444],
        "endTimestamp": "2020-05-19 23:59:59",
        "startTimestamp": "2020-04-19 12:00:00",
        "timezoneName": "US/Arizona",
        "criteriaType": "CASPER_CRITERIA",
        "reportName": "Cloud_Call_Detail_Download",
        "returnType": "CSV",
        "schedule": {"repeatOption": "ONCE"},
    },
}
"""The request of the vendor's reference page."""

MakeRequest = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def history() -> History:
    """Two accounts of about 120 calls a day."""
    return History(seed=5, calls_per_day=120)


@pytest.fixture(scope="session")
def vendor_request() -> dict[str, Any]:
    """Return the request of the vendor's reference page."""
    return copy.deepcopy(VENDOR_REQUEST)


@pytest.fixture(scope="session")
def make_request(history: History) -> MakeRequest:
    """Return a function that makes a request for all profiles of the first account."""

    def make(
        start: str = "2024-03-04 00:00:00",
        end: str = "2024-03-05 23:59:59",
        zone: str = "UTC",
        accounts: tuple[str, ...] = ("13670001",),
        delimiter: str = "COMMA",
        **criteria: object,
    ) -> dict[str, Any]:
        request = copy.deepcopy(VENDOR_REQUEST)
        profiles = [p for account in accounts for p in history.account(account).profiles]
        request["delimiter"] = delimiter
        request["reportCriteria"] |= {
            "accountIds": list(accounts),
            "cloudProfileIds": [profile.profile_id for profile in profiles],
            "cloudProfileGroupIds": list({profile.group.group_id for profile in profiles}),
            "startTimestamp": start,
            "endTimestamp": end,
            "timezoneName": zone,
            **criteria,
        }
        return request

    return make


class Caller:
    """A client of one simulator that sends the token along."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.client = httpx.Client(
            headers={"Authorization": f"bearer {TOKEN}", "Accept-Encoding": "identity"}, timeout=10
        )

    def report(self, request: object, account: str = "13670001", **headers: str) -> httpx.Response:
        """Ask for a report; headers are given with _ for -."""
        path = f"/api/v1/admin/accounts/{account}/reportsStreaming"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(self.simulator.base_url + path, json=request, headers=sent)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask for a path below BASE_URL."""
        return self.client.get(self.simulator.base_url + path, params=parameters)


@pytest.fixture(scope="session")
def with_switches(history: History) -> Iterator[Callable[..., Caller]]:
    """Return a function that returns a caller of a simulator with switches, started once."""
    callers: dict[Switches, Caller] = {}

    def start(**switches: Any) -> Caller:
        key = Switches(**switches)
        if key not in callers:
            callers[key] = Caller(Simulator(history, key).__enter__())
        callers[key].simulator.set_fault("")
        return callers[key]

    yield start
    stop_all(list(callers.values()))


@pytest.fixture
def running(history: History) -> Iterator[Callable[..., Caller]]:
    """Return a function that starts a simulator and returns a caller; all stop at the end."""
    callers: list[Caller] = []

    def start(switches: Switches | None = None, **options: Any) -> Caller:
        options.setdefault("history", history)
        callers.append(Caller(Simulator(switches=switches, **options).__enter__()))
        return callers[-1]

    yield start
    stop_all(callers)


def stop_all(callers: list[Caller]) -> None:
    """Stop the simulators of all callers at the same time."""
    for caller in callers:
        caller.client.close()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda caller: caller.simulator.stop(), callers))


@pytest.fixture(scope="session")
def shared(with_switches: Callable[..., Caller]) -> Caller:
    """Return a caller of a simulator with default switches."""
    return with_switches()
