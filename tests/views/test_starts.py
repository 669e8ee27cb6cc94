"""Starts of calls in all zones, years and spellings, against Python's own zones and parser."""

from __future__ import annotations

import datetime as dt
import random
import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from calls_given import call, given

from cdr_engine.definitions import Definitions
from cdr_engine.views import catalogue, connect, query

if TYPE_CHECKING:
    from pathlib import Path

ANCHORS = [
    dt.datetime(*moment, tzinfo=dt.UTC)
    for moment in (
        (2025, 11, 2, 5), (2025, 3, 9, 7), (2025, 4, 5, 15), (2025, 2, 23, 2), (2024, 12, 31, 23),
        (2014, 12, 30), (2015, 1, 2), (2034, 12, 28), (2035, 1, 3), (2010, 11, 7, 4), (1999, 7, 1),
    )
]  # fmt: skip
"""Changes of the clock, turns of the year, and the edges of what stg_zones has."""

NEARLY = [
    "20250102070e3 ", "020250102070e3", "202501020700e2", "+2025010207000",
    "2025_010207000", "20250102070060", "20250102076000", "20250102240000", "20250230070000",
    "2025010207000", "", "2.0250102070e13", "99999999999999", "20250102070.e3",
]  # fmt: skip
"""Digits that a lenient reader could take for 07:00 on that day in New York, 12:00 UTC."""


def expected(uii: str, enqueued: dt.datetime, zone: ZoneInfo, tolerance_s: int) -> dt.datetime:
    """The moment of the uii's clock that is near enough, the later of two; else enqueue_time."""
    try:
        if not re.match(r"[0-9]{14}", uii):
            return enqueued
        clock = dt.datetime.strptime(uii[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007  # a wall time
    except ValueError:
        return enqueued
    moments = {clock.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
    back = [m for m in moments if m.astimezone(zone).replace(tzinfo=None) == clock]
    # A wall time that is left out is read with the offset before the change.
    passes = sorted(back, reverse=True) or [clock.replace(tzinfo=zone).astimezone(dt.UTC)]
    near = [
        moment
        for moment in passes
        if abs((moment.replace(second=0) - enqueued).total_seconds()) <= tolerance_s
    ]
    return near[0] if near else enqueued


@pytest.mark.parametrize(
    ("zone", "tolerance_s"),
    [
        ("America/New_York", 120),
        ("America/New_York", 0),
        ("Australia/Lord_Howe", 3000),
        ("Europe/Dublin", 120),
        ("Asia/Kathmandu", 86400),
    ],
)
def test_starts_by_pythons_zones(tmp_path: Path, zone: str, tolerance_s: int) -> None:
    """Every start is the moment that Python finds for the uii's clock, local time as well."""
    own, local = ZoneInfo(zone), ZoneInfo("America/St_Johns")
    draw = random.Random(f"{zone}{tolerance_s}")
    rows = []
    for number in range(3000):
        wide = draw.choice([5400, 4 * 86400])
        moment = draw.choice(ANCHORS) + dt.timedelta(seconds=draw.randrange(-wide, wide))
        apart = draw.choice([0, 0, 0, draw.randrange(-400, 400), draw.randrange(-90000, 90000)])
        clock = f"{(moment + dt.timedelta(seconds=apart)).astimezone(own):%Y%m%d%H%M%S}"
        rows.append(call(uii=f"{clock}{number:016d}") | {"enqueue_time": moment.replace(second=0)})
    twelve = dt.datetime(2025, 1, 2, 12, tzinfo=dt.UTC)
    rows += [
        call(uii=f"{text}{n:016d}") | {"enqueue_time": twelve} for n, text in enumerate(NEARLY)
    ]
    wanted = {
        row["uii"]: expected(row["uii"], row["enqueue_time"], own, tolerance_s) for row in rows
    }

    given(tmp_path, *rows)
    views = catalogue(Definitions(uii_time_zone=zone, clock_tolerance_s=tolerance_s))
    con = connect(tmp_path, time_zone="America/St_Johns", views=views)
    found = query(con, "select uii, started_at, started_local, slot_at from stg_calls").read_all()
    starts = {row["uii"]: row for row in found.to_pylist()}

    assert wanted == {uii: row["started_at"].astimezone(dt.UTC) for uii, row in starts.items()}
    for uii, moment in wanted.items():
        assert moment.astimezone(local).replace(tzinfo=None) == starts[uii]["started_local"]
        slot = moment - dt.timedelta(seconds=moment.timestamp() % 900)
        assert slot == starts[uii]["slot_at"].astimezone(dt.UTC)
