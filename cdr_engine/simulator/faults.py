"""
What can go wrong with a report over HTTP, by name.

A schedule such as "429x2,cut" spends one fault on each report request in turn, and then the
service is well again; "500*" never ends. "ok" lets a request pass. Faults of single bytes (resets,
wrong lengths, slow lines) are those of `byte_faults`, which a proxy in front of the server makes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

import msgspec

__all__ = [
    "BODY_FAULTS",
    "FAULTS",
    "PAGE",
    "Answer",
    "BodyEnds",
    "BodyStalls",
    "FaultSchedule",
    "fault_answer",
    "problem",
    "spoil",
]

PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>RingCX</title></head>
<body><div id="app"></div><script src="/static/app.js"></script></body></html>
"""
"""What the web application answers to every path it does not know."""

DENIED = "You do not have permission to access this resource"


class BodyEnds(Exception):
    """The connection is to be closed here, with the body unfinished."""


class BodyStalls(Exception):
    """Nothing more is to be sent, and the connection stays open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not a report."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def problem(
    status: int, message: str, uri: str, errors: Sequence[Mapping[str, str | None]] = ()
) -> Answer:
    """Return the service's Errors JSON; `uri` is "<path> - <METHOD>", `errors` name attributes."""
    body = {
        "cause": "",
        "details": "",
        "developerMessage": message,
        "generalMessage": message,
        "requestUri": uri,
        "timestamp": time.time_ns() // 1_000_000,
        "validationErrors": list(errors),
    }
    return Answer(status, "application/json", msgspec.json.encode(body))


def fault_answer(name: str, uri: str) -> Answer | None:
    """Return the answer that takes the place of the report; None when the fault is in a body."""
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _PROBLEMS:
        return problem(*_PROBLEMS[name], uri)
    if name == "403":
        body = {
            "errorCode": "access.denied.exception",
            "generalMessage": DENIED,
            "timestamp": time.time_ns() // 1_000_000,
        }
        return Answer(403, "application/json", msgspec.json.encode(body))
    return None


_BUSY = msgspec.json.encode(
    {"errors": [{"errorCode": "CMN-301", "message": "Request rate exceeded"}]}
)

_PLAIN = {
    "401": Answer(401, "text/plain", b"Jwt is expired"),
    "401-new": Answer(401, "text/plain", b"JWT is expired."),
    "429": Answer(429, "application/json", _BUSY, {"Retry-After": "1"}),
    "429-silent": Answer(429, "application/json", _BUSY),
    "503": Answer(503, "text/plain", b"Service Unavailable"),
    "503-retry": Answer(503, "text/plain", b"Service Unavailable", {"Retry-After": "1"}),
    "html": Answer(200, "text/html", PAGE),
    "empty": Answer(200, "text/csv;charset=UTF-8", b""),
    "204": Answer(204, "text/csv;charset=UTF-8", b""),
}

_PROBLEMS = {
    "400": (400, "The supplied data is not valid"),
    "403-spec": (403, DENIED),
    "404": (404, "The resource you have requested does not exist"),
    "500": (500, "An Internal Server Error occurred while processing this request"),
}

BODY_FAULTS = ("header-only", "wrong-header", "json-tail", "cut", "cut-between", "stall")
"""Faults inside of a body that started well."""

FAULTS = (*_PLAIN, "403", *_PROBLEMS, *BODY_FAULTS)
"""Every name a schedule may use, besides "ok"."""


def spoil(name: str, parts: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """
    Yield the parts of a body (its header first) with the body fault `name` in them.

    Raises
    ------
    BodyEnds, BodyStalls
        Where the sender has to close the connection, or to fall silent.
    """
    header = bytes(next(parts))
    if name == "wrong-header":
        yield header.replace(b"uii", b"call_id")
        yield from parts
        return
    if name == "header-only":
        yield header
        return
    rows = bytes(next(parts, b""))
    if not rows.strip():
        rows = b""
    line_end = b"\r\n" if rows.startswith(b"\r\n") else b"\n"
    middle = rows.rfind(line_end, 0, max(1, len(rows) // 2 + 1))
    if name in {"cut", "stall"}:
        yield header if rows else header[: len(header) // 2]
        yield rows[: middle + (len(rows) - middle) // 3] if rows else b""
    else:
        yield header + rows[:middle] + line_end if rows else header + line_end
    if name == "json-tail":
        yield problem(500, _PROBLEMS["500"][1], "").body
        return
    raise BodyStalls if name == "stall" else BodyEnds


class FaultSchedule:
    """
    Which fault each report request meets.

    Parameters
    ----------
    text
        Names joined by commas, each with an optional count (`429x2`) or `*` for ever.
    known
        The names there are, besides "ok".

    Raises
    ------
    ValueError
        A name is unknown or a count cannot be read.
    """

    def __init__(self, text: str = "", known: Sequence[str] = FAULTS) -> None:
        self._known = known
        self.replace(text)

    def replace(self, text: str) -> None:
        """Forget what is left of the schedule and begin another."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        self._queue = chain.from_iterable([_repeated(part, self._known) for part in parts])

    def next(self) -> str | None:
        """Return the fault for the next request, or None when it is to be served well."""
        name = next(self._queue, "ok")
        return None if name == "ok" else name


def _repeated(part: str, known: Sequence[str]) -> Iterator[str]:
    match = re.fullmatch(r"(.+?)(?:x([1-9]\d*)|(\*))?", part)
    if match is None or match[1] not in (*known, "ok"):
        message = f"fault: {part!r} is none of ok, {', '.join(known)}"
        raise ValueError(message)
    return repeat(match[1]) if match[3] else repeat(match[1], int(match[2] or 1))
