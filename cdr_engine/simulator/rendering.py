"""
Calls as lines of CSV, a day at a time.

Plan: a line is about twenty pieces, and most pieces have few different values. The profile of a
number is one piece ("1111,DTE,'"), so are its seven media cells, a destination with name and
route, a state with result and attempts, a minute of the day. Those are made once for an account
(quoted, padded, delimited) and then only taken by position; what differs from call to call is
integers that Arrow turns into text. One join over the pieces gives the lines of a day in one
buffer, and any run of lines is a slice of it.

Every line begins with the line end of the line before it. So a body is a header and then lines,
and only the last one needs a thought about its own end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cdr_engine.simulator.arrivals import Ints
from cdr_engine.simulator.centre import Account, Media
from cdr_engine.simulator.outcomes import RESULTS, RING_LIMIT_S, STATES, WORDS, Calls
from cdr_engine.simulator.records import recording_url
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.zones import DAY_S, EASTERN, local_seconds, zone_of

__all__ = ["COLUMN_NAMES", "Renderer"]

COLUMN_NAMES = (
    "cloud_profile_id", "profile_name", "uii", "ani", "dnis", "outbound_externid",
    "media_isci", "media_network", "media_market", "media_code", "media_format",
    "media_version", "media_length", "enqueue_time", "dequeue_time", "queue_time",
    "call_state", "is_cellular", "dequeue_attempts", "call_result", "inbound_duration",
    "recording_url", "connected_id", "connected_name", "connected_route", "connected_duration",
    "attempt_1_id", "attempt_1_name", "attempt_1_route", "attempt_1_disp",
    "attempt_2_id", "attempt_2_name", "attempt_2_route", "attempt_2_disp",
)  # fmt: skip
"""The header line of the vendor's published example."""

_NO_MEDIA = Media("", "", "", "", "", "", "0")
_NOTHING, _ZERO, _SLASH = pa.scalar(""), pa.scalar("0"), pa.scalar("/")
_COUNTRY, _EXTERNAL, _ANONYMOUS = pa.scalar("+1"), pa.scalar("CRM"), pa.scalar("anonymous")
_ATTEMPTS = 8
_URL_MARK = "00000000*"


class Renderer:
    """
    Makes the lines of one account.

    Parameters
    ----------
    account
        Whose calls will be rendered.
    switches
        How the cells look.
    delimiter
        One character.
    """

    def __init__(self, account: Account, switches: Switches, delimiter: str) -> None:
        self._switches = switches
        self._delimiter = delimiter
        self._comma = pa.scalar(delimiter)
        self._account = account
        self._profiles = pa.array([self._profile_piece(n.profile) for n in account.numbers])
        self._dnis = pa.array([self._join(self._phone(n.dnis)) for n in account.numbers])
        self._media = pa.array([self._media_piece(n.media or _NO_MEDIA) for n in account.numbers])
        self._outcomes = pa.array(self._outcome_pieces())
        self._connected = self._destination_pieces("connected", routes=1)
        self._tries = [self._destination_pieces(f"attempt_{n}", routes=None) for n in (1, 2)]
        texts = [f"{word}({second})" for word in WORDS for second in range(RING_LIMIT_S)]
        self._disps = [pa.array([self._join(t) for t in (*texts, "")]), pa.array([*texts, ""])]
        head, _, tail = recording_url(account.account_id, _URL_MARK).partition("000000/00/")
        self._url_head = pa.scalar(head)
        self._url_tail = pa.scalar(tail.removeprefix(_URL_MARK))
        space = "\u202f" if switches.narrow_space else " "
        self._clock = [
            self._join(
                f"{(minute // 60 - 1) % 12 + 1}:{minute % 60:02d}{space}{'AP'[minute >= 720]}M"
            )
            for minute in range(1440)
        ]

    def lines(self, calls: Calls, zone_name: str) -> pa.BinaryArray:
        """Return a line for each call of one UTC day, each led by a line end."""
        if not len(calls):
            return pa.array([], pa.binary())
        clock, serial = _uii_parts(calls)
        minutes, times = self._minutes(calls, zone_name)
        duration = calls["queue"] + np.maximum(calls["talk"], 0)
        number = _positions(calls["number"])
        outcome = (calls["result"] * 2 + calls["cellular"]).astype(np.int32) * _ATTEMPTS
        pieces = [
            self._profiles.take(number),
            clock,
            serial,
            self._comma,
            self._callers(calls["ani"]),
            self._comma,
            self._dnis.take(number),
            _external(calls["external"]),
            self._media.take(number),
            times.take(_positions(minutes[0])),
            times.take(_positions(minutes[1])),
            _text(calls["queue"]),
            self._outcomes.take(_positions(outcome + calls["attempts"])),
            _text(duration),
            self._comma,
            self._recordings(calls["recorded"], clock, serial),
            _take(self._connected, calls["connected"]),
            _text(calls["talk"], calls["talk"] >= 0),
            self._comma,
            _take(self._tries[0], calls["line_1"]),
            _take(self._disps[0], calls["disp_1"]),
            _take(self._tries[1], calls["line_2"]),
            _take(self._disps[1], calls["disp_2"]),
        ]
        return pc.binary_join_element_wise(
            *pieces, _NOTHING, null_handling="replace", null_replacement=""
        ).cast(pa.binary())

    def _join(self, *cells: str) -> str:
        return "".join(cell + self._delimiter for cell in cells)

    def _cell(self, column: str, text: str) -> str:
        if column in self._switches.padded:
            text = text.ljust(self._switches.pad_width)
        special = any(mark in text for mark in (self._delimiter, '"', "\n", "\r"))
        if self._switches.quoted and special:
            doubled = text.replace('"', '""')
            return f'"{doubled}"'
        return text

    def _phone(self, digits: str) -> str:
        return f"+1{digits}" if self._switches.e164 and digits.isdecimal() else digits

    def _profile_piece(self, position: int) -> str:
        profile = self._account.profiles[position]
        name = self._cell("profile_name", profile.name)
        return self._switches.line_end + self._join(str(profile.profile_id), name) + "'"

    def _media_piece(self, media: Media) -> str:
        names = ("isci", "network", "market", "code", "format", "version", "length")
        cells = [self._cell(f"media_{name}", getattr(media, name)) for name in names]
        return self._delimiter + self._join(*cells)

    def _outcome_pieces(self) -> list[str]:
        return [
            self._delimiter
            + self._join(
                self._cell("call_state", state),
                cellular,
                str(attempts),
                self._cell("call_result", result),
            )
            for state, result in zip(STATES, RESULTS, strict=True)
            for cellular in ("No", "Yes")
            for attempts in range(_ATTEMPTS)
        ]

    def _destination_pieces(self, prefix: str, routes: int | None) -> pa.StringArray:
        pieces = [
            self._join(
                str(destination.destination_id),
                self._cell(f"{prefix}_name", destination.name),
                self._cell(f"{prefix}_route", self._phone(route)),
            )
            for destination in self._account.destinations
            for route in destination.routes[:routes]
        ]
        lead = self._delimiter if prefix == "connected" else ""
        return pa.array([lead + piece for piece in (*pieces, self._join("", "", ""))])

    def _callers(self, ani: Ints) -> pa.StringArray:
        digits = _text(ani)
        if self._switches.e164:
            digits = pc.binary_join_element_wise(_COUNTRY, digits, _NOTHING)
        named = pc.if_else(_mask(ani > 0), digits, _ANONYMOUS)
        return pc.if_else(_mask(ani != 0), named, _NOTHING)

    def _minutes(self, calls: Calls, zone_name: str) -> tuple[list[Ints], pa.StringArray]:
        """Return positions of the two times of each call in a table of printed minutes."""
        enqueued = calls["start"] + calls["greeting"]
        both = np.concatenate((enqueued, enqueued + calls["queue"]))
        local = local_seconds(both, zone_of(zone_name)) // 60
        first, last = int(local.min()) // 1440, int(local.max()) // 1440
        dates = [_date(day) for day in range(first, last + 1)]
        times = pa.array([date + clock for date in dates for clock in self._clock])
        positions = local - first * 1440
        return [positions[: len(calls)], positions[len(calls) :]], times

    def _recordings(self, recorded: Any, clock: pa.Array, serial: pa.Array) -> pa.StringArray:
        mask = _mask(recorded)
        ids = clock.filter(mask), serial.filter(mask)
        urls = pc.binary_join_element_wise(
            self._url_head,
            pc.utf8_slice_codeunits(ids[0], 0, 6),
            _SLASH,
            pc.utf8_slice_codeunits(ids[0], 6, 8),
            _SLASH,
            *ids,
            self._url_tail,
            _NOTHING,
        )
        return pc.replace_with_mask(pa.nulls(len(recorded), pa.string()), mask, urls)


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _mask(flags: NDArray[np.bool_]) -> pa.BooleanArray:
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, _bits(flags)])


def _positions(numbers: Any, known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Wrap integers as an Arrow array without a copy; those not `known` are null."""
    numbers = np.ascontiguousarray(numbers)
    buffers = [None if known is None else _bits(known), pa.py_buffer(numbers)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), buffers)


def _text(numbers: Any, known: NDArray[np.bool_] | None = None) -> pa.StringArray:
    return _positions(numbers, known).cast(pa.string())


def _take(pieces: pa.StringArray, positions: Any) -> pa.StringArray:
    """Take by position; the last piece stands for -1."""
    return pieces.take(_positions(np.where(positions < 0, len(pieces) - 1, positions)))


def _date(day: int) -> str:
    year, month, date = str(np.datetime64(day, "D")).rsplit("-", 2)
    return f"{int(month)}/{int(date)}/{int(year) % 100:02d} "


def _uii_parts(calls: Calls) -> tuple[pa.StringArray, pa.StringArray]:
    """Return the 14 digits of the clock and the 16 of the serial."""
    local = local_seconds(calls["start"], EASTERN)
    days, seconds = local // DAY_S, local % DAY_S
    first = int(days.min())
    dates = [str(np.datetime64(day, "D")) for day in range(first, int(days.max()) + 1)]
    table = np.array([int(date.replace("-", "")) for date in dates])
    clock = seconds // 3600 * 10_000 + seconds % 3600 // 60 * 100 + seconds % 60
    stamps = table[days - first] * 1_000_000 + clock
    serial = calls["serial"] + 132_000_000_000_000
    return _text(stamps), pc.binary_join_element_wise(_ZERO, _text(serial), _NOTHING)


def _external(numbers: Any) -> pa.StringArray:
    return pc.binary_join_element_wise(_EXTERNAL, _text(numbers, numbers >= 0), _NOTHING)
