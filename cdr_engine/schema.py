"""
The 34 columns of the Call Detail Report as one table.

Names, order and the published example come from the vendor's page "Call Detail Report"; types
and rules from what its three sample rows and the warehouse tables behind it show. The header
line, the Arrow schema, the SQL and `docs/columns.md` derive from this table and nothing else
repeats it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["ALIASES", "COLUMNS", "COLUMN_BY_NAME", "HEADER", "KEY", "NAMES", "Column", "Kind"]

Kind = Literal["uii", "text", "int32", "int64", "instant", "flag"]
"""
How a cell becomes a value.

`uii`: text without its leading apostrophe. `text`: surrounding spaces removed. `int32`, `int64`:
decimal integers. `instant`: local time of the report's zone, stored as timestamp[ms, UTC].
`flag`: Yes/No, Y/N, 1/0, true/false in any case. An empty cell is NULL in every kind.
"""


class Column(NamedTuple):
    """One column of the report."""

    name: str
    kind: Kind
    meaning: str
    is_distinctive: bool = False
    """Nearly every row has its own value: held and stored plain rather than as a dictionary."""


COLUMNS: tuple[Column, ...] = (
    Column("cloud_profile_id", "int64", "cloud profile that routed the call"),
    Column("profile_name", "text", "name of that profile at the time"),
    Column(
        "uii",
        "uii",
        "id of the call; its first 14 digits are the start in US Eastern",
        is_distinctive=True,
    ),
    Column("ani", "text", "caller's number", is_distinctive=True),
    Column("dnis", "text", "number dialled"),
    Column("outbound_externid", "text", "external id of an outbound call", is_distinctive=True),
    Column("media_isci", "text", "advertisement: ISCI or Ad-ID code"),
    Column("media_network", "text", "advertisement: network"),
    Column("media_market", "text", "advertisement: market"),
    Column("media_code", "text", "advertisement: code"),
    Column("media_format", "text", "advertisement: format"),
    Column("media_version", "text", "advertisement: version"),
    Column("media_length", "text", "advertisement: length; text upstream, 0 where there is none"),
    Column("enqueue_time", "instant", "call entered the queue, to the minute"),
    Column("dequeue_time", "instant", "call left the queue, to the minute"),
    Column("queue_time", "int32", "seconds in queue"),
    Column("call_state", "text", "state of the call; padded to 20 characters upstream"),
    Column("is_cellular", "flag", "caller's number is a mobile"),
    Column("dequeue_attempts", "int32", "times the queue tried to route the call"),
    Column("call_result", "text", "how the call ended"),
    Column("inbound_duration", "int32", "seconds of the inbound leg"),
    Column("recording_url", "text", "where the recording is kept", is_distinctive=True),
    Column("connected_id", "int64", "destination that took the call"),
    Column("connected_name", "text", "its name"),
    Column("connected_route", "text", "its number or SIP address"),
    Column("connected_duration", "int32", "seconds connected to it"),
    Column("attempt_1_id", "int64", "destination tried first"),
    Column("attempt_1_name", "text", "its name"),
    Column("attempt_1_route", "text", "its number or SIP address"),
    Column("attempt_1_disp", "text", "how that try ended: WORD or WORD(seconds)"),
    Column("attempt_2_id", "int64", "destination tried second"),
    Column("attempt_2_name", "text", "its name"),
    Column("attempt_2_route", "text", "its number or SIP address"),
    Column("attempt_2_disp", "text", "how that try ended: WORD or WORD(seconds)"),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
COLUMN_BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}
HEADER: str = ",".join(NAMES)

KEY: tuple[str, str, str] = ("uii", "cloud_profile_id", "enqueue_time")
"""What makes two records the same call, across files."""

ALIASES: dict[str, str] = {"smedia_market": "media_market", "media_networks": "media_network"}
"""Spellings of the vendor's property list that its own header line does not use."""
