from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdr_engine.simulator import History, Simulator, serve

ACCOUNTS = "/api/v1/admin/accounts"


def test_free_port(history: History) -> None:
    """Port 0 takes a free port, and two simulators run side by side."""
    with Simulator(history) as one, Simulator(history) as other:
        assert one.base_url != other.base_url
        assert one.base_url == f"http://127.0.0.1:{one.port}/voice"
        assert httpx.get(other.base_url + ACCOUNTS).status_code == 401


def test_port_in_use(history: History) -> None:
    """A port in use is an OSError that names host and port."""
    with (
        Simulator(history) as simulator,
        pytest.raises(OSError, match=f"127.0.0.1 port {simulator.port}"),
        Simulator(history, port=simulator.port),
    ):
        pass


def test_stop_frees_the_port(history: History) -> None:
    """After the context, nothing listens, and the port can be taken again."""
    with Simulator(history) as simulator:
        port = simulator.port

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with Simulator(history, port=port) as again:
        assert again.port == port


def test_no_waiting_for_acknowledgements(running: Callable[..., Any]) -> None:
    """On a kept connection an answer comes at once, not after the 40 ms of a delayed ACK."""
    caller = running()
    waits = []
    for _ in range(8):
        before = time.perf_counter()
        caller.get(ACCOUNTS)
        waits.append(time.perf_counter() - before)

    assert sorted(waits)[2] < 0.035


def test_own_token(history: History) -> None:
    """The configured token is the one accepted, not the default."""
    with Simulator(history, token="mine") as simulator:
        codes = [
            httpx.get(
                simulator.base_url + ACCOUNTS, headers={"Authorization": f"bearer {token}"}
            ).status_code
            for token in ("mine", "simulator-token")
        ]

    assert codes == [200, 401]


def test_requests_are_written_down(
    running: Callable[..., Any], make_request: Callable[..., Any]
) -> None:
    """Each request is kept with path, query, report body and status, in order."""
    caller = running(fault="500")
    request = make_request()
    caller.get("/api/v1/admin/users", flatten="true")
    caller.report(request)
    users, report = caller.simulator.requests

    assert (users.method, users.path, users.query, users.status) == (
        "GET", "/voice/api/v1/admin/users", "flatten=true", 200,
    )  # fmt: skip
    assert (report.body, report.status) == (request, 500)
    assert caller.simulator.report_requests == [report]


def test_no_secret_is_written_down(running: Callable[..., Any]) -> None:
    """Neither tokens nor passwords are in what is kept of requests."""
    caller = running()
    origin, client = caller.simulator.origin, caller.client
    client.post(f"{origin}/api/auth/login/admin?username=u&password=hunter2")
    client.post(f"{origin}/api/v1/auth/login", data={"username": "u", "password": "hunter2"})
    client.get(f"{origin}/voice/api/v1/auth/isTokenValid?token=hunter2")
    client.delete(f"{origin}/voice/api/v1/admin/token/hunter2")
    kept = repr(caller.simulator.requests)

    assert len(caller.simulator.requests) == 4
    assert "hunter2" not in kept
    assert caller.simulator.token not in kept


def test_replay(
    running: Callable[..., Any], make_request: Callable[..., Any], tmp_path: Path
) -> None:
    """A recorded body answers every report request, byte for byte."""
    recorded = tmp_path / "body.csv"
    recorded.write_bytes(os.urandom(9_000_001))
    caller = running(replay=recorded)

    assert caller.report(make_request()).content == recorded.read_bytes()
    assert caller.report(make_request(end="2024-03-04 00:00:00")).content == recorded.read_bytes()


def test_replay_of_nothing(history: History, tmp_path: Path) -> None:
    """A recorded body that is not there is an OSError on entering."""
    with (
        pytest.raises(OSError, match=r"none\.csv"),
        Simulator(history, replay=tmp_path / "none.csv"),
    ):
        pass


def test_reports_side_by_side(
    running: Callable[..., Any], make_request: Callable[..., Any]
) -> None:
    """Reports that stream at the same time do not mix."""
    caller = running()
    alone = caller.report(make_request()).text
    found: list[str] = []

    def fetch() -> None:
        found.append(caller.report(make_request()).text)

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [alone] * 6 == found


def test_client_that_leaves(running: Callable[..., Any]) -> None:
    """A client that leaves in the middle of a body does not disturb the next."""
    caller = running(history=History(1, calls_per_day=20_000))
    account = caller.simulator.history.accounts[0]
    ids = [profile.profile_id for profile in account.profiles]
    groups = list({profile.group.group_id for profile in account.profiles})
    request = {
        "reportType": "CASPER_REPORT",
        "reportTypeName": "Cloud_Call_Detail_Download",
        "reportCriteria": {
            "accountIds": [account.account_id],
            "groupBy": "PROFILE",
            "cloudProfileIds": ids,
            "cloudProfileGroupIds": groups,
            "startTimestamp": "2024-03-01 00:00:00",
            "endTimestamp": "2024-12-31 23:59:59",
            "timezoneName": "UTC",
            "criteriaType": "CASPER_CRITERIA",
            "reportName": "Cloud_Call_Detail_Download",
            "returnType": "CSV",
            "schedule": {"repeatOption": "ONCE"},
        },
    }
    path = f"{ACCOUNTS}/{account.account_id}/reportsStreaming"
    with caller.client.stream("POST", caller.simulator.base_url + path, json=request) as answer:
        next(answer.iter_bytes())

    assert caller.get(ACCOUNTS).status_code == 200


def test_serve_refuses_before_it_is_ready(history: History) -> None:
    """An unknown fault is refused before any port is taken."""
    with pytest.raises(ValueError, match="fault"):
        serve(history, fault="nonsense", on_ready=pytest.fail)


SERVE = """
from cdr_engine.simulator import History, serve
serve(History(1, calls_per_day=10), on_ready=lambda url: print(url, flush=True))
print("over", flush=True)
"""


def test_serve_until_interrupted() -> None:
    """In the foreground it says where it is, serves, and ends without noise on Ctrl-C."""
    command = [sys.executable, "-W", "error", "-c", SERVE]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        assert httpx.get(base_url + ACCOUNTS).status_code == 401
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)

    assert (process.returncode, out, err) == (0, "over\n", "")
