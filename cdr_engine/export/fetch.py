"""One window: from its request to its commit, or to the error that says why not."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow.compute as pc

from cdr_engine.errors import HeaderError, IncompleteReport, NotAReport
from cdr_engine.export.limiter import Stopped
from cdr_engine.pipeline import Origin, load, share_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from threading import Event

    from cdr_engine.api import ReportBody, ReportRequest
    from cdr_engine.columns import Decoded
    from cdr_engine.dataset import DataFile, Layout
    from cdr_engine.export.selection import Choice
    from cdr_engine.pipeline import Committing, Observer
    from cdr_engine.windows import Window

__all__ = ["WatchedBody", "load_window", "origin_of", "request_of"]

WRITTEN_BY_ERRORS = (b'"errorCode"', b'"generalMessage"', b'"developerMessage"', b"<html")
"""Marks of an error that the service wrote into a body it had already begun."""

CHUNK_SIZE = b"^[0-9A-Fa-f]{1,8}\r\n$"
"""A line that only chunked framing holds (RFC 9112 section 7.1): a wrong size let it in."""

SECOND = timedelta(seconds=1)
"""The end of a request is the last second it asks for."""


class WatchedBody:
    """
    A report body that ends when the run does, or when its window has had its time.

    Raises
    ------
    Stopped
        While iterating, if the run was broken off.
    IncompleteReport
        While iterating, if `ends_at` (of the monotonic clock) has passed.
    """

    def __init__(self, body: ReportBody, stop: Event, ends_at: float | None) -> None:
        self._body = body
        self._stop = stop
        self._ends_at = ends_at

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            if self._stop.is_set():
                raise Stopped
            if self._ends_at is not None and time.monotonic() > self._ends_at:
                raise IncompleteReport(
                    f"the report was cut off after {self._body.bytes_received} bytes: its window "
                    "has had its time: raise --deadline"
                )
            yield chunk

    @property
    def sha256(self) -> str:
        """Of the decoded body, as hexadecimal digits."""
        return self._body.sha256

    @property
    def proof(self) -> str:
        """What shows that the body was complete."""
        return self._body.proof


def request_of(account_id: str, window: Window, time_zone: str, choice: Choice) -> ReportRequest:
    """Ask for a window as local time of the report's zone."""
    from cdr_engine.api import ReportRequest

    zone = ZoneInfo(time_zone)
    return ReportRequest(
        account_id=account_id,
        start=_local(window.start, zone, -1),
        end=_local(window.end - SECOND, zone, +1) + SECOND,
        time_zone=time_zone,
        group_by=choice.group_by,
        **choice.criteria,
    )


def origin_of(request: ReportRequest, window: Window, choice: Choice) -> Origin:
    """What the data file of a window says about where it comes from."""
    asked = request.summary() | ({"selection": choice.narrowed} if choice.narrowed else {})
    return Origin("report", request.account_id, request.time_zone, window=window, request=asked)


def _local(second: datetime, zone: ZoneInfo, outward: int) -> datetime:
    """
    Return the first or last second that is asked for as the wall shows it.

    In an hour that occurs twice the wall cannot say which is meant, and nobody knows which one the
    service takes: there the second moves out of it, as calls that two windows bring are found.
    """
    wall = second.astimezone(zone)
    earlier, later = (wall.replace(fold=fold).utcoffset() for fold in (0, 1))
    repeated = (earlier or timedelta()) - (later or timedelta())
    return wall.replace(tzinfo=None) + outward * repeated


def load_window(
    body: WatchedBody,
    layout: Layout,
    origin: Origin,
    *,
    held: Iterable[DataFile],
    observer: Observer,
    committing: Committing,
    jobs: int,
) -> DataFile:
    """
    Read a body and commit it, with the part of the memory that one of so many jobs may take.

    Raises
    ------
    ApiError
        If it is not the report, or not whole.
    CommitError
        If the disk refuses.
    """
    try:
        file = load(
            body,
            layout,
            origin,
            held=held,
            observer=observer,
            judge=judge,
            committing=committing,
            share=share_of(jobs),
        )
    except HeaderError as error:
        raise NotAReport(f"the service's answer is not this report: {error}") from error
    assert file is not None, "no digest was named as known"
    return file


def judge(decoded: Decoded) -> None:
    """
    Refuse a body that is not the report from its first line to its last.

    Raises
    ------
    NotAReport
        If something stands before the header.
    IncompleteReport
        If the service wrote an error, or framing, where rows should be, or ends within a record.
    """
    if decoded.ledger.tail_bytes:
        raise IncompleteReport("the report ends within a record, although its framing is complete")
    rejects = decoded.rejects
    if not rejects.num_rows:
        return
    if pc.any(pc.equal(rejects.column("reason"), "before the header")).as_py():
        raise NotAReport("the service's answer does not begin with the report's header")
    records = rejects.filter(pc.is_null(rejects.column("column")))
    is_marked = pc.match_substring_regex(records.column("raw"), CHUNK_SIZE)
    for mark in WRITTEN_BY_ERRORS:
        is_marked = pc.or_(is_marked, pc.match_substring(records.column("raw"), mark))
    first = pc.index(is_marked, value=True).as_py()
    if first >= 0:
        at = records.column("byte_offset")[first]
        raise IncompleteReport(
            f"the service wrote an error, or broken framing, into the report at byte {at}"
        )
