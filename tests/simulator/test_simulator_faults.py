from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cdr_engine.simulator import COLUMN_NAMES, FAULTS, Simulator, Switches
from cdr_engine.simulator.faults import BODY_FAULTS, FaultSchedule

HEADER = ",".join(COLUMN_NAMES).encode()
FIRST = "13670001"


def faulty(caller: Any, fault: str) -> Any:
    """Let the caller's next requests meet a fault."""
    caller.simulator.set_fault(fault)
    return caller


def broken_body(caller: Any, request: object) -> bytes:
    """Return what comes of a body before its connection breaks off."""
    url = f"{caller.simulator.base_url}/api/v1/admin/accounts/{FIRST}/reportsStreaming"
    received: list[bytes] = []
    with caller.client.stream("POST", url, json=request) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            received.extend(answer.iter_bytes())
    return b"".join(received)


STATUSES = [
    ("401", 401, "text/plain", "Jwt is expired"),
    ("401-new", 401, "text/plain", "JWT is expired."),
    ("403", 403, "application/json", "access.denied.exception"),
    ("403-spec", 403, "application/json", "requestUri"),
    ("400", 400, "application/json", "The supplied data is not valid"),
    ("404", 404, "application/json", "does not exist"),
    ("429", 429, "application/json", "CMN-301"),
    ("429-silent", 429, "application/json", "CMN-301"),
    ("500", 500, "application/json", "An Internal Server Error"),
    ("503", 503, "text/plain", "Service Unavailable"),
    ("503-retry", 503, "text/plain", "Service Unavailable"),
    ("html", 200, "text/html", "<!doctype html>"),
    ("empty", 200, "text/csv", ""),
    ("204", 204, "text/csv", ""),
]


@pytest.mark.parametrize(("fault", "status", "content_type", "part"), STATUSES)
def test_answer_in_place_of_a_report(
    shared: Any,
    make_request: Callable[..., Any],
    fault: str,
    status: int,
    content_type: str,
    part: str,
) -> None:
    """A fault of this kind is the whole answer, and the next request is served well."""
    caller = faulty(shared, fault)
    answer = caller.report(make_request())

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert part in answer.text
    assert bool(part) == bool(answer.content)
    assert caller.report(make_request()).status_code == 200


def test_every_fault_is_tested_here() -> None:
    """The table above and the faults of bodies are all there are."""
    assert {fault for fault, *_ in STATUSES} | set(BODY_FAULTS) == set(FAULTS)


def test_retry_after(shared: Any, make_request: Callable[..., Any]) -> None:
    """A 429 says how long to wait, or does not, as asked."""
    caller = faulty(shared, "429,429-silent,503-retry,503")
    waits = [caller.report(make_request()).headers.get("retry-after") for _ in range(4)]

    assert waits == ["1", None, "1", None]


def test_cut(shared: Any, make_request: Callable[..., Any]) -> None:
    """A cut body is the beginning of the report, ends within a row, and never says it is over."""
    caller = faulty(shared, "cut")
    received = broken_body(caller, make_request())
    whole = caller.report(make_request()).content

    assert whole.startswith(received)
    assert len(HEADER) < len(received) < len(whole)
    assert whole[len(received) - 1 : len(received)] != b"\n"
    assert received.rsplit(b"\n", 1)[1].count(b",") < 33


def test_cut_of_an_empty_report(shared: Any, make_request: Callable[..., Any]) -> None:
    """Where there are no rows, the header is cut."""
    received = broken_body(faulty(shared, "cut"), make_request(cloudProfileIds=[]))

    assert HEADER.startswith(received)
    assert len(received) < len(HEADER)


def test_cut_between(shared: Any, make_request: Callable[..., Any]) -> None:
    """A cut between rows looks like a whole report to whoever does not mind the framing."""
    caller = faulty(shared, "cut-between")
    received = broken_body(caller, make_request())
    whole = caller.report(make_request()).content

    assert whole.startswith(received)
    assert received.endswith(b"\n")
    assert len(HEADER) + 1 < len(received) < len(whole)


def test_cut_with_crlf(running: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """Where lines end in CRLF, a cut between rows leaves it whole."""
    received = broken_body(running(Switches(line_end="\r\n"), fault="cut-between"), make_request())

    assert received.endswith(b"\r\n")


def test_header_only(shared: Any, make_request: Callable[..., Any]) -> None:
    """A body of the header alone ends well."""
    assert faulty(shared, "header-only").report(make_request()).content == HEADER


def test_wrong_header(shared: Any, make_request: Callable[..., Any]) -> None:
    """A wrong header lacks the uii, and rows follow."""
    body = faulty(shared, "wrong-header").report(make_request()).text

    assert ",uii," not in body.splitlines()[0]
    assert body.count("\n") > 10


def test_json_at_the_end(shared: Any, make_request: Callable[..., Any]) -> None:
    """An error after rows were sent is JSON in the last line of a body that ends well."""
    lines = faulty(shared, "json-tail").report(make_request()).text.splitlines()

    assert len(lines) > 10
    assert lines[-1].startswith('{"cause"')


def test_stall(running: Callable[..., Any], make_request: Callable[..., Any]) -> None:
    """A stalled body falls silent within a row, and breaks off when the silence is over."""
    caller = running(Switches(stall_s=0.3), fault="stall")
    before = time.monotonic()
    received = broken_body(caller, make_request())

    assert time.monotonic() - before >= 0.3
    assert received.startswith(HEADER)
    assert not received.endswith(b"\n")


def test_stall_does_not_outlive_the_simulator(
    history: Any, make_request: Callable[..., Any], running: Callable[..., Any]
) -> None:
    """Stopping the simulator also ends a stall."""
    caller = running(Switches(stall_s=3600), fault="stall", history=history)
    url = f"{caller.simulator.base_url}/api/v1/admin/accounts/{FIRST}/reportsStreaming"
    with caller.client.stream("POST", url, json=make_request()) as answer:
        next(answer.iter_bytes())
        before = time.monotonic()
        caller.simulator.stop()

    assert time.monotonic() - before < 5


def test_faults_of_refused_requests(shared: Any, make_request: Callable[..., Any]) -> None:
    """A request without a token does not use up a fault."""
    caller = faulty(shared, "500")
    caller.report(make_request(), Authorization="bearer x")

    assert caller.report(make_request()).status_code == 500


def test_schedule() -> None:
    """A schedule gives its faults in order, as often as counted, and then none."""
    schedule = FaultSchedule("429x2, ok,cut")

    assert [schedule.next() for _ in range(6)] == ["429", "429", None, "cut", None, None]


def test_endless_schedule() -> None:
    """A star repeats a fault for ever."""
    schedule = FaultSchedule("500*")

    assert {schedule.next() for _ in range(100)} == {"500"}


@pytest.mark.parametrize("text", ["nonsense", "429x0", "429x", "*", "429 cut"])
def test_unknown_fault(text: str) -> None:
    """A fault that is none is refused at once, with the names there are."""
    with pytest.raises(ValueError, match="json-tail"):
        Simulator(fault=text)
