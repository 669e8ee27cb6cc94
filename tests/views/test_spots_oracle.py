"""Spot responses against plain Python, over a month whose airings the simulator drew itself."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
from collections import Counter, defaultdict
from math import nan
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from calls_given import given

from cdr_engine import ingest_spots
from cdr_engine.simulator import History, arrivals
from cdr_engine.simulator.zones import DAY_S, EASTERN, local_seconds
from cdr_engine.views import connect, query

ZONE = ZoneInfo("America/New_York")
RESPONSE = dt.timedelta(minutes=8)
WEEK = dt.timedelta(weeks=1)


def airings(history: History, account: Any, day: int) -> list[tuple[int, Any]]:
    """Second and media of every spot of a UTC day: the draws that `day_arrivals` makes of it."""
    key = f"{history.seed}/{account.account_id}/{day}".encode()
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:16]))
    edges = day * DAY_S + 3600 * np.arange(25)
    local = local_seconds(edges[:-1], EASTERN)
    rates = (
        arrivals.HOUR_RATES[local % DAY_S // 3600]
        * arrivals.WEEKDAY_RATES[(local // DAY_S + 3) % 7]
    )
    volume = history.calls_per_day * arrivals.PRIMARY_SHARE
    arrivals._steady(random, account, edges, rates * volume * (1 - arrivals.SPOT_SHARE))
    shown = [number.media for number in account.numbers if number.media]
    uniform = random.random((3, random.poisson(arrivals.SPOTS_A_DAY * len(shown))))
    times = arrivals._draw_times(uniform[0], edges, rates * volume * arrivals.SPOT_SHARE)
    return [
        (int(at), shown[int(place * len(shown))])
        for at, place in zip(times, uniform[1], strict=True)
    ]


@pytest.fixture(scope="module")
def spots() -> list[dict[str, Any]]:
    """Every airing that made the month's phones ring; every third does not name its network."""
    history = History(seed=11, calls_per_day=120)
    first, last = (dt.date(2025, month, 15).toordinal() - 719163 for month in (10, 11))
    found = [
        {"time": dt.datetime.fromtimestamp(at, dt.UTC), "media": media}
        for account in history.accounts
        for day in range(first, last + 1)
        for at, media in airings(history, account, day)
    ]
    return [
        {
            "time": spot["time"],
            "network": spot["media"].network if number % 3 else "",
            "market": spot["media"].market if number % 2 else "",
            "code": spot["media"].code,
            "cost": f"{number % 50}.{number % 4:02}",
        }
        for number, spot in enumerate(found)
    ]


@pytest.fixture(scope="module")
def responses(
    tmp_path_factory: pytest.TempPathFactory,
    month_records: list[dict[str, Any]],
    spots: list[dict[str, Any]],
) -> Any:
    """The month with its log, opened in its zone."""
    folder: Path = tmp_path_factory.mktemp("spots")
    for account in {record["account_id"] for record in month_records}:
        given(
            folder,
            *(
                {
                    key: value
                    for key, value in record.items()
                    if key not in ("account_id", "start", "local")
                }
                for record in month_records
                if record["account_id"] == account
            ),
            account=account,
        )
    log = folder / "spots.csv"
    with log.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["code", "cost", "time", "market", "network"])
        writer.writeheader()
        writer.writerows(spots)
    summary = ingest_spots(log, folder)
    assert summary.file.record.rows == len(spots)
    with connect(folder, time_zone="America/New_York") as con:
        yield con


def before(moment: dt.datetime, week: int) -> dt.datetime:
    """The same wall time so many weeks before, the second pass where there are two."""
    if not week:
        return moment
    local = moment.astimezone(ZONE).replace(tzinfo=None) - week * WEEK
    return local.replace(tzinfo=ZONE, fold=1).astimezone(dt.UTC)


def attributed(
    spots: list[dict[str, Any]], calls: list[dict[str, Any]], week: int
) -> tuple[Counter[int], Counter[int]]:
    """Calls, and qualified ones, of each spot moved so many weeks back."""
    by_code = defaultdict(list)
    for number, spot in enumerate(spots):
        named = bool(spot["network"]) + bool(spot["market"])
        by_code[spot["code"]].append((before(spot["time"], week), named, number, spot))
    found, qualified = Counter(), Counter()
    for call in calls:
        alike = [
            (at, named, number)
            for at, named, number, spot in by_code.get(call["media_code"], ())
            if at <= call["start"] < at + RESPONSE
            and spot["network"] in ("", call["media_network"])
            and spot["market"] in ("", call["media_market"])
        ]
        if alike:
            _, _, number = max(alike)
            found[number] += 1
            qualified[number] += (
                call["call_result"] == "CONNECTED" and call["connected_duration"] >= 120
            )
    return found, qualified


def expected(
    spots: list[dict[str, Any]], calls: list[dict[str, Any]]
) -> list[dict[str, float | None]]:
    """What spot_response has to say of each spot."""
    first, last = min(call["start"] for call in calls), max(call["start"] for call in calls)
    weeks = [attributed(spots, calls, week) for week in range(9)]
    aired = defaultdict(list)
    for spot in spots:
        aired[spot["code"]].append(spot["time"])
    rows = []
    for number, spot in enumerate(spots):
        kept = []
        for week in range(1, 9):
            at = before(spot["time"], week)
            is_aired = any(abs(other - at) < RESPONSE for other in aired[spot["code"]])
            if first <= at and at + RESPONSE <= last and not is_aired:
                kept.append(week)
        is_there = first <= spot["time"] and spot["time"] + RESPONSE <= last
        n_calls = weeks[0][0][number] if is_there else None
        baseline = sum(weeks[week][0][number] for week in kept) / len(kept) if kept else None
        response = None if None in (n_calls, baseline) else n_calls - baseline
        rows.append(
            {
                "n_calls": n_calls,
                "n_qualified": weeks[0][1][number] if is_there else None,
                "n_baseline_weeks": len(kept),
                "baseline_calls": baseline,
                "n_response": response,
            }
        )
    return rows


def test_responses_of_the_month(
    responses: Any, month_records: list[dict[str, Any]], spots: list[dict[str, Any]]
) -> None:
    """Calls, baseline and response of every airing are those of a plain count."""
    calls = [record for record in month_records if record["media_code"]]
    # The span of observation is that of all calls, with or without a code.
    edges = sorted(month_records, key=lambda record: record["start"])
    calls += [edges[0] | {"media_code": "?"}, edges[-1] | {"media_code": "?"}]
    wanted = expected(spots, calls)
    found = query(responses, "from spot_response order by line").read_all().to_pylist()

    assert len(wanted) == len(found)
    for expectation, row in zip(wanted, found, strict=True):
        for name, value in expectation.items():
            assert row[name] == (value if value is None else pytest.approx(value)), row


def test_airings_make_phones_ring(responses: Any, spots: list[dict[str, Any]]) -> None:
    """The simulator's own airings have a response far above the baseline."""
    (row,) = query(
        responses,
        "select avg(n_calls) as n_calls, avg(baseline_calls) as baseline_calls, count(*) as n "
        "from spot_response where n_response is not null",
    ).read_all().to_pylist()  # fmt: skip

    assert row["n"] > len(spots) / 2
    assert row["n_calls"] > 5 * row["baseline_calls"]
    mean = 120 * arrivals.PRIMARY_SHARE * arrivals.SPOT_SHARE * 2 * 31 / len(spots)
    assert row["n_calls"] - row["baseline_calls"] == pytest.approx(mean, rel=0.15)


def test_costs_of_the_month(responses: Any, spots: list[dict[str, Any]]) -> None:
    """Rows of cost_per_call add up to the log and to the responses, and divide as they say."""
    rows = query(responses, "cost_per_call").read_all().to_pylist()
    answers = query(responses, "spot_response").read_all().to_pylist()

    assert len(spots) == sum(row["n_spots"] for row in rows)
    assert round(sum(float(spot["cost"]) for spot in spots), 2) == float(
        sum(row["cost"] for row in rows)
    )
    groups = defaultdict(list)
    for answer in answers:
        groups[answer["code"], answer["network"], answer["market"]].append(answer)
    assert len(groups) == len(rows)
    for row in rows:
        group = groups[row["code"], row["network"], row["market"]]
        known = [answer for answer in group if answer["n_response"] is not None]
        calls = sum(answer["n_response"] for answer in known)
        paid = float(sum(answer["cost"] for answer in known))
        assert row["n_spots_compared"] == len(known)
        assert row["n_calls"] == sum(answer["n_calls"] or 0 for answer in group)
        assert row["is_small_sample"] == (row["n_calls"] < 30)
        cost = paid / calls if calls > 1e-9 else nan
        if calls > 1e-9:
            assert row["cost_per_call"] == pytest.approx(cost)
        elif calls < -1e-9:
            assert row["cost_per_call"] is None
