"""What holds in every view, whatever the calls: rates in their intervals, parts that sum up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from calls_given import given
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from test_marts_against_sums import calls

from cdr_engine.views import catalogue, connect, query

PUBLIC = [view.name for view in catalogue() if view.is_public]

EVERY_CALL = {
    "abandonment": "n_offered",
    "answer_speed": "n_offered",
    "area_code": "n_calls",
    "attempt_funnel": "n_offered",
    "cellular_split": "n_offered",
    "connect_rate_by_profile": "n_offered",
    "data_quality": "n_calls",
    "dnis_inventory": "n_calls",
    "interval_volume": "n_offered",
    "media_market": "n_calls",
    "media_performance": "n_calls",
    "service_level": "n_offered",
    "short_calls": "n_offered",
}
"""Views in which each call is in one row, and the column that counts it."""

EVERY_CONNECTED_CALL = {
    "answer_speed": "n_connected",
    "destination_share": "n_calls",
    "service_level": "n_connected",
    "short_calls": "n_connected",
    "talk_time": "n_connected",
}
EVERY_TIMED_CALL = {
    "daily_anomalies": "n_offered",
    "hour_of_week": "n_offered",
    "media_bursts": "n_calls",
    "staffing_erlang_c": "n_offered",
}


def interval(row: dict[str, Any], low: str) -> tuple[float, float | None, float]:
    """The bounds and what they are bounds of, where the column says which."""
    stem = low.removesuffix("_low")
    return row[low], row.get(stem), row[f"{stem}_high"]


def check_intervals(view: str, rows: list[dict[str, Any]]) -> None:
    """Rates and shares lie in 0 to 1, and within their bounds."""
    for row in rows:
        for name, value in row.items():
            if value is not None and name.endswith(("_rate", "_share")):
                assert 0 <= value <= 1, (view, name, row)
            if value is not None and name.endswith("_low"):
                low, middle, high = interval(row, name)
                assert 0 <= low <= high <= 1, (view, name, row)
                assert middle is None or low - 1e-9 <= middle <= high + 1e-9, (view, name, row)


@settings(max_examples=6, deadline=None)
@hypothesis_given(
    rows=st.lists(calls(), max_size=30),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
)
def test_identities(rows: list[dict[str, Any]], zone: str) -> None:
    """Counts of each call sum to all calls in every view, and rates keep to their intervals."""
    with tempfile.TemporaryDirectory() as folder:
        con = connect(given(Path(folder), *rows), time_zone=zone)
        answers = {view: query(con, view).read_all().to_pylist() for view in PUBLIC}
        ((n_calls, n_connected, n_timed),) = con.execute(
            "select count(*), count(*) filter (is_connected), count(started_at) from stg_calls"
        ).fetchall()
        con.close()

    for view, found in answers.items():
        check_intervals(view, found)
    for counts, expected in (
        (EVERY_CALL, n_calls),
        (EVERY_CONNECTED_CALL, n_connected),
        (EVERY_TIMED_CALL, n_timed),
    ):
        for view, column in counts.items():
            assert expected == sum(row[column] for row in answers[view]), view


@pytest.mark.parametrize("view", PUBLIC)
def test_rates_have_their_count_and_interval(view: str, month: Any) -> None:
    """Where a view has a rate it has a count, and bounds of at least one rate."""
    names = query(month, f"from {view} limit 0").schema.names
    rates = [name for name in names if name.endswith(("_rate", "_share"))]

    assert not rates or any(name.startswith("n_") for name in names)
    assert not rates or any(name.endswith("_low") for name in names)


def test_the_service_level_of_cdr_toml(month: Any) -> None:
    """The service level is the column of the formula that the definitions name, to the digit."""
    rows = query(month, "service_level").read_all().to_pylist()
    formula = month.execute("select service_level_formula from params").fetchone()[0]

    assert rows
    assert [row["service_level_rate"] for row in rows] == [row[f"{formula}_rate"] for row in rows]
