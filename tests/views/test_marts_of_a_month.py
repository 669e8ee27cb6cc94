"""Views over a month of the simulator's calls, against plain sums over the simulator's records."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import Any

from cdr_engine.views import query


def rows(con: Any, text: str) -> list[dict[str, Any]]:
    """All rows of a view or a query."""
    return query(con, text).read_all().to_pylist()


def test_every_start_is_the_simulators(month: Any, month_records: list[dict[str, Any]]) -> None:
    """Each call starts at the second at which the simulator started it, also in autumn's hour."""
    starts = {row["uii"]: row["started_at"] for row in rows(month, "stg_calls")}
    found = {uii: start.astimezone(UTC) for uii, start in starts.items()}

    assert {record["uii"]: record["start"] for record in month_records} == found


def test_connect_rate_of_the_month(month: Any, month_records: list[dict[str, Any]]) -> None:
    """Offered and connected by account, local day and profile are the simulator's."""
    offered, connected = Counter(), Counter()
    for record in month_records:
        at = (record["account_id"], record["local"].date(), record["cloud_profile_id"])
        offered[at] += 1
        connected[at] += record["call_result"] == "CONNECTED"

    found = {
        (row["account_id"], row["day"], row["cloud_profile_id"]): row
        for row in rows(month, "connect_rate_by_profile")
    }

    assert offered == {at: row["n_offered"] for at, row in found.items()}
    assert {at: connected[at] for at in offered} == {
        at: row["n_connected"] for at, row in found.items()
    }
    assert {at: connected[at] / offered[at] for at in offered} == {
        at: row["connect_rate"] for at, row in found.items()
    }
