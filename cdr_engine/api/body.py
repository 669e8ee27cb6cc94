"""
The body of one report: chunks as they arrive, with proof that none is missing.

Bytes pass four hands, each of which holds a bounded part: the framing, the content coding if there
is one, the joining of small pieces to chunks, and the hash. httpx limits only the wait for
the next bytes, so a deadline and a minimum rate are kept here, judged whenever bytes arrive; a body
that stalls is cut at the deadline by its lifeline. The rate counts only the time spent waiting for
the service: a reader that takes its time does not make the service slow. The last bytes are kept,
because an error that strikes between two rows can only show as text at the end.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx

from cdr_engine.api.chunked import unchunked
from cdr_engine.api.faults import BODY_FAULTS, within_body
from cdr_engine.api.framing import Proof, coding_of, decoded, proof_of
from cdr_engine.api.lifeline import Lifeline, too_late
from cdr_engine.errors import ApiError, EmptyReport, IncompleteReport, NotAReport, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

__all__ = ["Answer", "BodyRules", "Pace", "ReportBody", "body_chunks", "media_type", "web_page"]

REPORT_TYPES = frozenset(
    {
        "application/csv",
        "application/octet-stream",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
    }
)
"""text/csv is documented; the others say nothing against a CSV body, HTML and JSON do."""

BLANKS = b"\xef\xbb\xbf \t\r\n"
NOT_CSV = (b"<", b"{", b"[")
"""First bytes of a web page or of JSON; no header line begins so."""

TAIL_BYTES = 1 << 14
"""Kept of the end of a body: room for an error the service appended to it."""

APPENDED_ERROR = re.compile(
    rb'"(?:generalMessage|errorCode)".*}\s*\Z|</html>\s*\Z', re.DOTALL | re.IGNORECASE
)
"""The keys of both documented error shapes, or a web page, where the last row belongs."""

MARKS = 60
"""Parts of the rate window that the oldest measurement moves by."""


JOINED_BYTES = 1 << 18
"""Small pieces are joined to about this much: what follows costs by the chunk."""
READ_BYTES = 1 << 16
"""Taken from a connection at once."""
HELD_S = 1.0
"""Pieces that came so long ago are handed on with the next one, however few."""


class Answer(NamedTuple):
    """An open answer and the connection it comes by."""

    response: httpx.Response
    lifeline: Lifeline

    def close(self) -> None:
        """Close the connection."""
        try:
            self.response.close()
        finally:
            self.lifeline.close()


class BodyRules(NamedTuple):
    """What a body must keep to."""

    deadline_s: float | None
    """From the sending of the request to the last byte; None for no limit."""
    min_bytes_per_s: float
    """Over `rate_window_s` of waiting, bytes as they were sent."""
    rate_window_s: float
    accept_unproven_end: bool
    """Whether to take a body whose end nothing but the closed connection shows."""


class Pace:
    """Deadline and minimum rate of one body."""

    def __init__(self, rules: BodyRules, what: str, started: float) -> None:
        self._rules = rules
        self._what = what
        self._ends = None if rules.deadline_s is None else started + rules.deadline_s
        self._waited_s = 0.0
        self._bytes = 0
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)])

    def count(self, byte_count: int, asked: float, arrived: float) -> None:
        """Take note of bytes that were waited for; raise IncompleteReport if they are too late."""
        self._bytes += byte_count
        self._waited_s += arrived - asked
        if self._ends is not None and arrived > self._ends:
            assert self._rules.deadline_s is not None
            raise cut_off(self._what, self._bytes, too_late(self._rules.deadline_s))
        window_s = self._rules.rate_window_s
        if self._waited_s - self._marks[-1][0] >= window_s / MARKS:
            self._marks.append((self._waited_s, self._bytes))
            self._check_rate(window_s)

    def _check_rate(self, window_s: float) -> None:
        mark_s, mark_bytes = self._marks[0]
        while self._waited_s - self._marks[0][0] >= window_s:
            mark_s, mark_bytes = self._marks.popleft()
        elapsed_s = self._waited_s - mark_s
        least = self._rules.min_bytes_per_s
        if elapsed_s >= window_s and self._bytes - mark_bytes < least * elapsed_s:
            why = f"less than {least:g} bytes a second came for {elapsed_s:.0f} s: ask for it again"
            raise cut_off(self._what, self._bytes, why)


def cut_off(what: str, byte_count: int, why: str) -> IncompleteReport:
    """Build the error for a body that was given up after so many bytes as they were sent."""
    return IncompleteReport(f"{what} was cut off after {byte_count} bytes: {why}")


class ReportBody:
    """
    One report while it arrives; a context manager, to be iterated once.

    The request is sent on entering. Leaving early closes the connection.

    Raises
    ------
    ApiError
        On entering or while iterating; see `ReportService.report`.
    """

    def __init__(self, send: Callable[[], Answer], rules: BodyRules, what: str) -> None:
        self._send = send
        self._rules = rules
        self._what = what
        self._answer: Answer | None = None
        self._sha256 = hashlib.sha256()
        self._is_started = self._is_complete = False
        self._begun = 0.0
        self.bytes_received = 0
        """Bytes yielded so far, decoded."""
        self.proof: Proof = "unproven"
        """What proves the end of the body; known on entering."""

    @property
    def sha256(self) -> str:
        """
        SHA-256 of the decoded body, in hex.

        Raises
        ------
        UsageError
            If the body was not read to its end: there is no such thing yet.
        """
        if not self._is_complete:
            raise UsageError("the body was not read to its end: it has no SHA-256 yet")
        return self._sha256.hexdigest()

    def __enter__(self) -> Self:
        if self._begun:
            raise UsageError("a report body is entered once: make the request again")
        self._begun = monotonic()
        answer = self._send()
        try:
            self._check(answer.response)
        except BaseException:
            answer.close()
            raise
        self._answer = answer
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._answer is not None:
            self._answer.close()

    def __iter__(self) -> Iterator[bytes]:
        if self._answer is None or self._is_started:
            raise UsageError("a report body is iterated once, inside its `with`")
        self._is_started = True
        is_leading = True
        tail = b""
        pace = Pace(self._rules, self._what, self._begun)
        for chunk in body_chunks(self._answer, self._what, pace):
            if is_leading and (text := chunk.lstrip(BLANKS)):
                check_lead(text, self._what)
                is_leading = False
            tail = (chunk if len(chunk) >= TAIL_BYTES else tail + chunk)[-TAIL_BYTES:]
            self._sha256.update(chunk)
            self.bytes_received += len(chunk)
            yield chunk
        if not self.bytes_received:
            raise EmptyReport(f"{self._what} is empty, not even a header line came: ask again")
        check_tail(tail, self._what)
        self._is_complete = True

    def _check(self, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.NO_CONTENT:
            raise EmptyReport(f"{self._what} is empty: the service answered 204: ask again")
        check_media_type(media_type(response), self._what)
        self.proof = proof_of(response.http_version, response.headers)
        if self.proof == "unproven" and not self._rules.accept_unproven_end:
            raise IncompleteReport(
                f"{self._what} has neither a length nor chunks, so nothing proves its end: "
                "only accept_unproven_end takes it"
            )


def body_chunks(answer: Answer, what: str, pace: Pace) -> Iterator[bytes]:
    """
    Yield the decoded body of an open answer, in chunks of about `JOINED_BYTES`.

    Raises
    ------
    IncompleteReport
        If it is cut, reset, stalls, or comes slower than `pace` allows.
    NotAReport
        If its content coding cannot be undone.
    """
    coding = coding_of(answer.response.headers, what)
    pieces = wire_pieces(answer, what, pace)
    return joined(pieces if coding is None else decoded(pieces, coding, what))


def wire_pieces(answer: Answer, what: str, pace: Pace) -> Iterator[bytes]:
    """Yield the body as it was sent and as it arrives, without its framing."""
    pieces = unframed(answer)
    received = 0
    while True:
        asked = monotonic()
        fault = None
        piece: bytes | None = None
        try:
            piece = next(pieces, None)
        except BODY_FAULTS as error:
            fault = within_body(error, what, received)
        # A connection that is cut ends as if the service had ended it, and may still hold bytes.
        if answer.lifeline.cut_for:
            fault = cut_off(what, received, answer.lifeline.cut_for)
        if fault is not None:
            raise fault
        if piece is None:
            check_surplus(answer, what)
            return
        received += len(piece)
        pace.count(len(piece), asked, monotonic())
        yield piece


def unframed(answer: Answer) -> Iterator[bytes]:
    """Yield a body without its framing; one of chunks is read from the connection itself."""
    response = answer.response
    if proof_of(response.http_version, response.headers) != "chunked":
        return response.iter_raw()
    wait_s = response.request.extensions["timeout"]["read"]
    return unchunked(partial(answer.lifeline.read, READ_BYTES, wait_s))


def check_surplus(answer: Answer, what: str) -> None:
    """Raise IncompleteReport if more came than the length of the body allows."""
    headers = answer.response.headers
    length = "" if "transfer-encoding" in headers else headers.get("content-length", "")
    if length.isdigit() and answer.lifeline.has_surplus(int(length)):
        raise IncompleteReport(
            f"{what} goes on behind the length the service gave it, {length} bytes: ask again"
        )


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """
    Join small pieces to chunks of `JOINED_BYTES` or a little more, none held for long.

    What came before an error is handed on before the error is raised.
    """
    held: list[bytes] = []
    size, since = 0, 0.0
    try:
        for piece in pieces:
            if not held:
                since = monotonic()
            held.append(piece)
            size += len(piece)
            if size >= JOINED_BYTES or monotonic() - since >= HELD_S:
                yield b"".join(held)
                held.clear()
                size = 0
    except ApiError:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def media_type(response: httpx.Response) -> str:
    """Media type of an answer, in lower case and without parameters; empty if it has none."""
    field: str = response.headers.get("content-type", "")
    return field.partition(";")[0].strip().lower()


def check_media_type(found: str, what: str) -> None:
    """Raise NotAReport, saying what to do, if a report cannot be of this media type."""
    if found == "text/html":
        raise NotAReport(web_page(what))
    if found and found not in REPORT_TYPES:
        raise NotAReport(f"{what} is not text/csv: the service failed, ask again")


def check_lead(text: bytes, what: str) -> None:
    """Raise NotAReport if the first bytes of a body are those of a web page or of JSON."""
    if text.startswith(b"<"):
        raise NotAReport(web_page(what))
    if text.startswith(NOT_CSV):
        raise NotAReport(f"{what} is JSON where CSV belongs: the service failed, ask again")


def check_tail(tail: bytes, what: str) -> None:
    """
    Raise IncompleteReport if a body ends in an error of the service.

    Once rows are sent the status can no longer change, so a failure in the middle of a report shows
    only as text after the last row, in a body whose framing is whole.
    """
    if APPENDED_ERROR.search(tail):
        raise IncompleteReport(f"{what} ends in an error where rows belong: ask for it again")


def web_page(what: str) -> str:
    """Say that the address is that of the web application (a known trap of the service)."""
    return f"{what} is a web page: base_url probably lacks /voice"
