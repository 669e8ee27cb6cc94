"""What ends a request from outside: another thread, and the deadline."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from cdr_engine.api import ReportRequest, ReportService, StaticToken
from cdr_engine.errors import ApiError, IncompleteReport, ServiceUnreachable
from cdr_engine.simulator import History, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Http, RawServer

    Connect = Callable[..., ReportService]

TEXT = "Content-Type: text/csv"
ROWS = b"cloud_profile_id,uii\n" + b"1111,'202004250912250132110000003150\n" * 50

CIRCUMSTANCES = {
    "before the answer": (),
    "in the header": (b"HTTP/1.1 200 OK\r\nContent-Ty",),
    "in chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",),
    "in a sized body": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\na",),
    "in a body without a proven end": (b"HTTP/1.1 200 OK\r\n\r\na",),
}


@pytest.fixture(params=CIRCUMSTANCES)
def stalled(request: pytest.FixtureRequest, connect: Connect, http: type[Http]) -> ReportService:
    """A service that stalls, and waits longer by itself than any test."""
    script = [*CIRCUMSTANCES[request.param], http.stall]
    patience = {"read_timeout_s": 60, "answer_timeout_s": 60}
    return connect(script, accept_unproven_end=True, **patience)


def failure(service: ReportService, request: ReportRequest, **options: float) -> ApiError:
    """Read a report that fails, and return its error."""
    with pytest.raises(ApiError) as caught, service.report(request, **options) as body:
        list(body)
    assert caught.value.__cause__ is None
    return caught.value


def until_sent(server: RawServer) -> None:
    """Wait until the server has read a request, and a moment for what it answers."""
    ends = time.monotonic() + 5
    while not server.requests:
        assert time.monotonic() < ends
        time.sleep(0.01)
    time.sleep(0.1)


def test_abort(stalled: ReportService, servers: list[RawServer], request_: ReportRequest) -> None:
    """A request that another thread aborts fails within a second, wherever it stalled."""
    with ThreadPoolExecutor() as pool:
        failing = pool.submit(failure, stalled, request_)
        until_sent(servers[0])
        stalled.abort()

        assert "given up" in str(failing.result(timeout=1))


def test_no_request_after_abort(
    connect: Connect, servers: list[RawServer], http: type[Http], request_: ReportRequest
) -> None:
    """After an abort nothing is sent any more."""
    service = connect(http.chunked(ROWS))
    service.abort()

    assert isinstance(failure(service, request_), ServiceUnreachable)
    with pytest.raises(ServiceUnreachable, match="given up"):
        service.accounts()
    assert [] == servers[0].requests


def test_abort_while_the_reader_is_busy(
    connect: Connect, http: type[Http], request_: ReportRequest
) -> None:
    """Bytes that lie ready when a body is aborted do not make it go on for long."""
    service = connect([http.head(200, TEXT, "Content-Length: 9999999"), b"a\n" * 4_000_000])
    with service.report(request_) as body:
        chunks = iter(body)
        next(chunks)
        service.abort()
        with pytest.raises(IncompleteReport, match="given up"):
            list(chunks)

    assert body.bytes_received < 1_000_000


def test_deadline(
    stalled: ReportService, servers: list[RawServer], request_: ReportRequest
) -> None:
    """A report that stalls ends at its deadline, in time of the wall, wherever it stalled."""
    began = time.monotonic()
    error = failure(stalled, request_, deadline_s=0.3)

    assert time.monotonic() - began < 1.3
    assert "longer than the deadline of 0.3 s: raise --deadline" in str(error)
    assert servers[0].client_left.wait(1)


def test_deadline_that_is_kept(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """A body that ends in time is whole, and its connection is let go of."""
    service = connect(http.chunked(ROWS))
    before = threading.active_count()
    with service.report(request_, deadline_s=30) as body:
        assert ROWS == b"".join(body)

    ends = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_eight_threads_at_once() -> None:
    """Eight reports that are open at once over one service are whole, each by itself."""
    history = History(seed=3, calls_per_day=60)
    profiles = tuple(p.profile_id for p in history.account("13670001").profiles)
    groups = tuple({p.group.group_id for p in history.account("13670001").profiles})
    requests = [
        ReportRequest(
            account_id="13670001",
            start=datetime(2024, 3, day),  # noqa: DTZ001 - windows are naive local time
            end=datetime(2024, 3, day, 23, 59, 59),  # noqa: DTZ001
            cloud_profile_group_ids=groups,
            cloud_profile_ids=profiles,
        )
        for day in range(1, 9)
    ]
    with (
        Simulator(history) as simulator,
        ReportService(simulator.base_url, StaticToken(simulator.token)) as service,
        ThreadPoolExecutor(8) as pool,
    ):
        gate = threading.Barrier(8)

        def read(request: ReportRequest) -> bytes:
            with service.report(request, deadline_s=30) as body:
                gate.wait(10)
                return b"".join(body)

        side_by_side = list(pool.map(read, requests))
        gate = threading.Barrier(1)

        assert [read(request) for request in requests] == side_by_side
        assert 8 == len(set(side_by_side))
