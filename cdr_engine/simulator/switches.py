"""What the vendor leaves open about the report, each as a switch with a default."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["DELIMITERS", "PADDABLE", "Delimiter", "Switches"]

Delimiter = Literal["COMMA", "PIPE", "TAB"]

DELIMITERS: dict[str, str] = {"COMMA": ",", "PIPE": "|", "TAB": "\t"}
"""The delimiters a request may ask for; EXCEL and HTML are refused."""

PADDABLE = (
    "profile_name",
    "media_market",
    "call_state",
    "call_result",
    "connected_name",
    "attempt_1_name",
    "attempt_2_name",
)
"""Columns that `padded` may name."""


@dataclass(frozen=True, slots=True)
class Switches:
    """
    The undocumented side of the service; the defaults are what its published samples suggest.

    Parameters
    ----------
    line_end
        Between lines.
    bom
        Start the body with a byte order mark.
    narrow_space
        Put U+202F before AM and PM, as newer Java date formatting does.
    quoted
        Quote cells that hold the delimiter, a quote or a line break. Without, such a cell makes
        a line of too many fields.
    final_newline
        End the last line.
    padded, pad_width
        Columns (of `PADDABLE`) whose cells are filled with spaces up to `pad_width` characters.
    end_inclusive
        A call that starts in the very second of endTimestamp belongs to the report.
    overlap_s
        Seconds after the end whose calls are sent as well, so that neighbours overlap.
    row_order
        Of the rows of one day: by start, reversed, or shuffled (the same way each time).
    header_per_account
        Repeat the header line where the next account of a request begins.
    e164
        Print phone numbers as +1 and ten digits. The truth keeps ten digits.
    gzip
        Compress when Accept-Encoding asks for it.
    content_type
        Of a report.
    token_lifetime_s
        Life of the tokens handed out, in seconds. The configured token never expires.
    rate_limit
        Report calls, such as "3/60s,9/15min"; None leaves the endpoint open.
    exchange_limit
        Exchanges of a RingCentral token, in the same form; the vendor allows 5 a minute.
    jwt_refused
        The OAuth server does not know the JWT, as one that was revoked.
    users_forbidden
        The user may not list users, as a mere reporting user may not.
    stall_s
        Silence of the fault `stall`, in seconds, before the connection is closed.
    """

    line_end: Literal["\n", "\r\n"] = "\n"
    bom: bool = False
    narrow_space: bool = False
    quoted: bool = True
    final_newline: bool = True
    padded: tuple[str, ...] = ("call_state",)
    pad_width: int = 20
    end_inclusive: bool = True
    overlap_s: int = 0
    row_order: Literal["start", "reversed", "shuffled"] = "start"
    header_per_account: bool = False
    e164: bool = False
    gzip: bool = True
    content_type: str = "text/csv;charset=UTF-8"
    token_lifetime_s: float = 300.0
    rate_limit: str | None = None
    exchange_limit: str | None = "5/60s"
    jwt_refused: bool = False
    users_forbidden: bool = False
    stall_s: float = 60.0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.padded) - set(PADDABLE))
        if unknown:
            message = f"padded: {', '.join(unknown)} cannot be padded"
            raise ValueError(message)
        _ = self.limits, self.exchange_limits

    @property
    def limits(self) -> tuple[tuple[int, float], ...]:
        """The rate limit as (calls, seconds) pairs; ValueError when it cannot be read."""
        return _limits(self.rate_limit)

    @property
    def exchange_limits(self) -> tuple[tuple[int, float], ...]:
        """The limit of exchanges as (calls, seconds) pairs; ValueError when it cannot be read."""
        return _limits(self.exchange_limit)


_UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}


def _limits(text: str | None) -> tuple[tuple[int, float], ...]:
    return tuple(_limit(part) for part in (text or "").split(",") if part.strip())


def _limit(text: str) -> tuple[int, float]:
    match = re.fullmatch(r"\s*([1-9]\d*)\s*/\s*(\d+(?:\.\d+)?)\s*(s|min|h|)\s*", text)
    if match is None or not float(match[2]):
        message = f"rate_limit: {text!r} is not CALLS/PERIOD, such as 3/60s"
        raise ValueError(message)
    return int(match[1]), float(match[2]) * _UNITS[match[3]]
