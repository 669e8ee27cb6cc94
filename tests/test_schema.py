from __future__ import annotations

import pyarrow as pa

from cdr_engine.columns import calls_schema, plain, working_schema
from cdr_engine.pipeline import read_csv
from cdr_engine.schema import ALIASES, COLUMN_BY_NAME, COLUMNS, HEADER, KEY, NAMES

VENDORS_HEADER = (
    "cloud_profile_id,profile_name,uii,ani,dnis,outbound_externid,media_isci,media_network,"
    "media_market,media_code,media_format,media_version,media_length,enqueue_time,dequeue_time,"
    "queue_time,call_state,is_cellular,dequeue_attempts,call_result,inbound_duration,"
    "recording_url,connected_id,connected_name,connected_route,connected_duration,attempt_1_id,"
    "attempt_1_name,attempt_1_route,attempt_1_disp,attempt_2_id,attempt_2_name,attempt_2_route,"
    "attempt_2_disp"
)
"""The header line of the vendor's example response."""

ARROW_TYPES = {
    pa.int64(): "cloud_profile_id connected_id attempt_1_id attempt_2_id",
    pa.int32(): "queue_time dequeue_attempts inbound_duration connected_duration",
    pa.timestamp("ms", "UTC"): "enqueue_time dequeue_time",
    pa.bool_(): "is_cellular",
}
"""Columns by type; all others are text."""


def test_columns_are_the_vendor_s() -> None:
    """Names and order are those of the vendor's example, letter by letter."""
    assert VENDORS_HEADER == HEADER
    assert VENDORS_HEADER.split(",") == list(NAMES) == [column.name for column in COLUMNS]
    assert 34 == len(COLUMN_BY_NAME)


def test_arrow_types() -> None:
    """Numbers are numbers, times are instants to the millisecond, and all else is text."""
    named = {name: kind for kind, names in ARROW_TYPES.items() for name in names.split()}

    assert {name: named.get(name, pa.string()) for name in NAMES} == {
        field.name: field.type for field in calls_schema()
    }


def test_numbers_that_are_text() -> None:
    """Phone numbers, and what is longer than any number, are text."""
    for name in ("ani", "dnis", "uii", "connected_route", "attempt_1_route", "attempt_2_route"):
        assert pa.string() == calls_schema().field(name).type


def test_aliases_lead_to_columns() -> None:
    """Every alias is another spelling of a column, and no column itself."""
    assert {"smedia_market": "media_market", "media_networks": "media_network"} == ALIASES
    assert set(ALIASES.values()) <= set(NAMES)
    assert not set(ALIASES) & set(NAMES)


def test_aliases_are_read() -> None:
    """A report with the spellings of the property list is the same report."""
    body = VENDORS_HEADER.replace("media_market", "smedia_market").replace(
        "media_network,", "media_networks,"
    )
    cells = {"uii": "'1", "media_market": "Ohio", "media_network": "ABC"}
    line = ",".join(cells.get(name, "") for name in NAMES)
    report = read_csv([f"{body}\n{line}\n".encode()], time_zone="UTC")
    (row,) = pa.table(report).to_pylist()

    assert ((), ()) == (report.decoder.unknown, report.decoder.missing)
    assert ("Ohio", "ABC") == (row["media_market"], row["media_network"])


def test_key_columns() -> None:
    """A call is known again by columns that are there, uii first."""
    assert ("uii", "cloud_profile_id", "enqueue_time") == KEY
    assert set(KEY) <= set(NAMES)


def test_unknown_columns_follow() -> None:
    """Columns the report does not know come last, as text, in their order."""
    schema = calls_schema(["z", "a"])

    assert [*NAMES, "z", "a"] == schema.names
    assert [pa.string(), pa.string()] == schema.types[-2:]


def test_working_schema_is_the_same_but_for_dictionaries() -> None:
    """What the decoder works with becomes the users' schema when text is made plain."""
    empty = pa.RecordBatch.from_pylist([], working_schema(["x"]))

    assert calls_schema(["x"]) == plain(empty).schema


def test_meanings() -> None:
    """Every column says in one line what it holds."""
    for column in COLUMNS:
        assert column.meaning
        assert "\n" not in column.meaning
