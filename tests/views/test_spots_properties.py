"""What holds of spot responses whatever the calls and the airings."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

from calls_given import at, call, given
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from cdr_engine import ingest_spots
from cdr_engine.views import connect, query

NOON = at("2025-11-02 12:00")
"""Three weeks of one hour and the hour that autumn repeats are close to each other."""

MOMENTS = st.builds(
    lambda week, seconds: NOON - dt.timedelta(weeks=week, seconds=seconds),
    st.integers(0, 3),
    st.sampled_from([0, 21600]).flatmap(lambda hours: st.integers(hours, hours + 1200)),
)
NAMES = {"network": [None, "KBLU", "WXYZ"], "market": [None, "Reno"]}


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """A call of one of two codes, or of none."""
    return call(
        f"{draw(MOMENTS)}",
        draw(st.sampled_from(["CONNECTED", "ABANDON"])),
        media_code=draw(st.sampled_from(["A1", "A1", "B2", None])),
        media_network=draw(st.sampled_from(NAMES["network"])),
        media_market=draw(st.sampled_from(NAMES["market"])),
        connected_duration=draw(st.sampled_from([None, 5, 120, 300])),
    )


@st.composite
def airings(draw: st.DrawFn) -> str:
    """A line of a log."""
    names = [draw(st.sampled_from(names)) or "" for names in NAMES.values()]
    cells = [draw(st.sampled_from(["A1", "a1", "B2"])), *names, draw(st.sampled_from(["", "5"]))]
    return ",".join([draw(MOMENTS).isoformat(), *cells])


def belongs(row: dict[str, Any], airing: dict[str, Any]) -> bool:
    """The call is one that the airing may have caused."""
    return (
        row["media_code"] is not None
        and row["media_code"] == airing["code"].upper()
        and airing["network"] in (None, row["media_network"])
        and airing["market"] in (None, row["media_market"])
        and dt.timedelta() <= row["enqueue_time"] - airing["aired_at"] < dt.timedelta(minutes=8)
    )


def owner(row: dict[str, Any], spots: list[dict[str, Any]]) -> int | None:
    """Line of the airing that has the call."""
    alike = [
        (airing["aired_at"], sum(airing[name] is not None for name in NAMES), -airing["line"])
        for airing in spots
        if belongs(row, airing)
    ]
    return -max(alike)[2] if alike else None


@settings(max_examples=25, deadline=None)
@hypothesis_given(
    rows=st.lists(calls(), max_size=25),
    lines=st.lists(airings(), max_size=10),
    zone=st.sampled_from(["UTC", "America/New_York"]),
)
def test_identities(rows: list[dict[str, Any]], lines: list[str], zone: str) -> None:
    """Each call has one airing at most; response and cost are differences and sums of parts."""
    edges = [call(f"{NOON + dt.timedelta(weeks=n)}", media_code=None) for n in (-2, 1)]
    with tempfile.TemporaryDirectory() as folder:
        dataset = given(Path(folder), *rows, *edges)
        log = dataset / "log.csv"
        log.write_text("\n".join(["time,code,network,market,cost", *lines]))
        ingest_spots(log, dataset)
        con = connect(dataset, time_zone=zone)
        spots = query(con, "spot_response").read_all().to_pylist()
        costs = query(con, "cost_per_call").read_all().to_pylist()
    owners = [owner(row, spots) for row in rows]
    assert sorted(range(2, len(lines) + 2)) == sorted(spot["line"] for spot in spots)
    for spot in spots:
        assert 0 <= spot["n_baseline_weeks"] <= 8
        assert (spot["baseline_calls"] is None) == (spot["n_baseline_weeks"] == 0)
        if spot["n_calls"] is not None:
            assert owners.count(spot["line"]) == spot["n_calls"]
            assert 0 <= spot["n_qualified"] <= spot["n_calls"]
        if spot["n_response"] is not None:
            assert spot["n_calls"] - spot["baseline_calls"] == spot["n_response"]
            assert spot["n_qualified_response"] <= spot["n_response"] + spot["baseline_calls"]
    for name in ("n_calls", "n_qualified", "cost"):
        assert sum(spot[name] or 0 for spot in spots) == sum(row[name] or 0 for row in costs)
    assert len(spots) == sum(row["n_spots"] for row in costs)
    for row in costs:
        assert row["n_spots_compared"] <= row["n_spots_with_cost"] <= row["n_spots"]
        if row["cost_per_call"] is not None:
            assert row["n_response"] > 0
            assert row["cost_per_call"] >= 0
