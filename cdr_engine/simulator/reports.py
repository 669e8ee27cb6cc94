"""
Bodies of reports, part by part.

A rendered day of an account is kept in memory (up to `CACHE_BYTES`), so a second request for the
same days sends slices of buffers that are already there.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa

from cdr_engine.simulator.arrivals import Ints
from cdr_engine.simulator.bounded import Bounded
from cdr_engine.simulator.centre import Account
from cdr_engine.simulator.criteria import Report
from cdr_engine.simulator.history import History, selected
from cdr_engine.simulator.rendering import COLUMN_NAMES, Renderer
from cdr_engine.simulator.switches import Switches

__all__ = ["Reporter", "Source", "framed", "gzipped"]

CACHE_BYTES = 512 * 2**20
"""Memory for rendered days."""


class Source(Protocol):
    """Where reports come from."""

    accounts: tuple[Account, ...]

    def parts(self, report: Report) -> Iterator[bytes | memoryview]:
        """Yield a body part by part, its header line first."""


class Reporter:
    """
    Makes reports from a history.

    Parameters
    ----------
    history
        Where the calls come from.
    switches
        How the vendor's open questions are answered.
    """

    def __init__(self, history: History, switches: Switches) -> None:
        self._history = history
        self.accounts = history.accounts
        self._switches = switches
        self._renderers: dict[tuple[str, str], Renderer] = {}
        self._days: Bounded[tuple[str, str, str, int], pa.BinaryArray] = Bounded(
            CACHE_BYTES, lambda lines: int(lines.nbytes)
        )

    def parts(self, report: Report) -> Iterator[bytes | memoryview]:
        """Yield a body part by part: the header line, then the lines of each account and day."""
        bodies = [self._days_of(report, account) for account in report.accounts]
        return framed(report.delimiter, bodies, self._switches)

    def _days_of(self, report: Report, account: Account) -> Iterator[bytes | memoryview]:
        for day, part in self._history.slices(account.account_id, report.first_s, report.last_s):
            lines = self._lines(report, account, day, part)
            if len(lines):
                yield _joined(lines)

    def _renderer(self, account: Account, delimiter: str) -> Renderer:
        key = account.account_id, delimiter
        if key not in self._renderers:
            self._renderers[key] = Renderer(account, self._switches, delimiter)
        return self._renderers[key]

    def _lines(self, report: Report, account: Account, day: int, part: slice) -> pa.BinaryArray:
        calls = self._history.day(account.account_id, day)
        renderer = self._renderer(account, report.delimiter)
        lines = self._days.get(
            (account.account_id, report.delimiter, report.zone_name, day),
            lambda: renderer.lines(calls, report.zone_name),
        )
        ordered = self._switches.row_order == "start"
        if report.profile_ids is None and report.destination_ids is None and ordered:
            return lines.slice(part.start, part.stop - part.start)
        kept = selected(account, calls[part], report.profile_ids, report.destination_ids)
        return lines.take(pa.array(self._ordered(np.flatnonzero(kept) + part.start, day)))

    def _ordered(self, positions: Ints, day: int) -> Ints:
        if self._switches.row_order == "reversed":
            return positions[::-1].copy()
        if self._switches.row_order == "shuffled":
            return np.random.default_rng(abs(day)).permutation(positions)
        return positions


def _joined(lines: pa.BinaryArray) -> memoryview:
    """Return the bytes of consecutive lines, without a copy."""
    _, offsets, content = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(content)[int(ends[0]) : int(ends[-1])]


def framed(
    delimiter: str, bodies: Iterable[Iterator[bytes | memoryview]], switches: Switches
) -> Iterator[bytes | memoryview]:
    """Yield header lines and the lines of each account, which begin with their line end."""
    line_end = switches.line_end.encode()
    header = delimiter.join(COLUMN_NAMES).encode()
    yield codecs.BOM_UTF8 + header if switches.bom else header
    for position, lines in enumerate(bodies):
        if position and switches.header_per_account:
            yield line_end + header
        yield from lines
    if switches.final_newline:
        yield line_end


def gzipped(parts: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the parts of a body as one gzip stream."""
    packer = zlib.compressobj(level=1, wbits=31)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()
