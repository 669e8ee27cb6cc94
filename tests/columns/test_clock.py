from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest

from cdr_engine.columns.clock import Clock

STEP, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
FIRST, LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
NAMED = [
    *("America/New_York", "US/Arizona", "Australia/Lord_Howe", "America/St_Johns"),
    *("Asia/Kathmandu", "Africa/Casablanca", "UTC", "Asia/Pyongyang", "Antarctica/Troll"),
]
ALL = sorted(available_timezones())
SAMPLE = random.Random(2015).sample(sorted(set(ALL) - set(NAMED)), 12)
ZONES = ALL if os.environ.get("CDR_TEST_ALL_ZONES") else NAMED + SAMPLE


def printed(local: datetime) -> str:
    """A local time as the report prints it."""
    half = "AM" if local.hour < 12 else "PM"
    return f"{local.month}/{local.day}/{local:%y} {local.hour % 12 or 12}:{local:%M} {half}"


def transitions(zone: ZoneInfo) -> list[datetime]:
    """Instants at which the zone's offset changes: found by days, then by halving."""
    found = []
    before = FIRST
    while before < LAST:
        after = before + DAY
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            low, high = before, after
            while high - low > STEP:
                middle = low + (high - low) // STEP // 2 * STEP
                is_same = low.astimezone(zone).utcoffset() == middle.astimezone(zone).utcoffset()
                low, high = (middle, high) if is_same else (low, middle)
            found.append(high)
        before = after
    return found


def walls(zone: ZoneInfo, change: datetime) -> dict[datetime, list[datetime]]:
    """Instants by what clocks on the wall show, a third of a day around a change."""
    shown: dict[datetime, list[datetime]] = {}
    for steps in range(-32, 33):
        instant = change + steps * STEP
        shown.setdefault(instant.astimezone(zone).replace(tzinfo=None), []).append(instant)
    return shown


@pytest.mark.parametrize("name", ZONES)
def test_around_every_change_of_offset(name: str) -> None:
    """Two hours around each change, repeated times are the earlier one and skipped ones move on."""
    zone = ZoneInfo(name)
    texts: list[str] = []
    expected: list[datetime] = []
    ambiguous: list[int] = []
    missing: list[int] = []
    for change in transitions(zone):
        shown = walls(zone, change)
        offset_before = (change - STEP).astimezone(zone).utcoffset()
        assert offset_before is not None
        edges = [
            (change - STEP).astimezone(zone).replace(tzinfo=None) + STEP,
            change.astimezone(zone).replace(tzinfo=None),
        ]
        local = min(edges) - 2 * HOUR
        while local <= max(edges) + 2 * HOUR:
            instants = shown.get(local, [])
            if len(instants) > 1:
                ambiguous.append(len(texts))
            if not instants:
                missing.append(len(texts))
            at = instants[0] if instants else (local - offset_before).replace(tzinfo=UTC)
            expected.append(at)
            texts.append(printed(local))
            local += STEP
    read = Clock(name).instants(texts)

    assert [int(at.timestamp()) * 1000 for at in expected] == read.values
    assert (ambiguous, missing) == (read.ambiguous, read.missing)
    assert bool(texts) == bool(ambiguous or missing)


def one(text: str, zone: str = "America/New_York") -> datetime | None:
    """The instant that one text stands for."""
    (value,) = Clock(zone).instants([text]).values
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("4/20/20 6:12 AM", "04/20/20 06:12 AM", "4/20/2020 6:12 AM", "4/20/20 6:12 am"),
        *("4/20/20 6:12AM", "4/20/20 6:12\u202fAM", "4/20/20 6:12\u00a0AM", "4/20/20  6:12 AM"),
        *("4/20/20 6:12", "4/20/20 06:12", "4/20/2020 6:12:00", "4/20/20 6:12:00 AM"),
        "4/20/20 6:12 Am",
    ],
)
def test_spellings(text: str) -> None:
    """Years, seconds, clocks and spaces may be written as they occur; the instant is the same."""
    assert datetime(2020, 4, 20, 10, 12, tzinfo=UTC) == one(text)


@pytest.mark.parametrize(
    ("text", "hour", "minute", "second"),
    [
        ("12:00 AM", 0, 0, 0),
        ("12:59 AM", 0, 59, 0),
        ("1:00 AM", 1, 0, 0),
        ("11:59 AM", 11, 59, 0),
        ("12:00 PM", 12, 0, 0),
        ("12:30 pm", 12, 30, 0),
        ("1:00 PM", 13, 0, 0),
        ("11:59:59 PM", 23, 59, 59),
        ("0:00", 0, 0, 0),
        ("12:00", 12, 0, 0),
        ("23:59:59", 23, 59, 59),
    ],
)
def test_hours(text: str, hour: int, minute: int, second: int) -> None:
    """Twelve is midnight before noon and noon after it; without AM or PM it is a 24-hour clock."""
    expected = datetime(2020, 4, 20, hour, minute, second, tzinfo=UTC)

    assert expected == one(f"4/20/20 {text}", "UTC")


@pytest.mark.parametrize(
    ("text", "year"), [("00", 2000), ("20", 2020), ("99", 2099), ("1999", 1999), ("2038", 2038)]
)
def test_years(text: str, year: int) -> None:
    """Two digits are of this century, four are what they say."""
    assert datetime(year, 4, 20, 6, 12, tzinfo=UTC) == one(f"4/20/{text} 6:12 AM", "UTC")


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "4/20/20", "6:12 AM", "2020-04-20 06:12", "20/4/20 6:12 AM", "4/31/20 6:12 AM"),
        *(
            "2/29/21 6:12 AM",
            "0/20/20 6:12 AM",
            "4/0/20 6:12 AM",
            "13/1/20 6:12 AM",
            "4/20/20 24:00",
        ),
        *("4/20/20 0:12 AM", "4/20/20 13:12 PM", "4/20/20 6:60 AM", "4/20/20 6:12:60 AM"),
        *(
            "4/20/20 6:1 AM",
            "4/20/20 6 AM",
            "4/20/20 6:12 XM",
            "4/20/20 6:12 A",
            "4/20/20 6:12 AM x",
        ),
        *("4/20/020 6:12 AM", "4/20/0020 6:12 AM", "4/20/20200 6:12 AM", "4/20/0000 6:12 AM"),
        *("1/1/0001 12:00 AM", "12/31/9999 11:59 PM", "-4/20/20 6:12 AM", "4/20/+20 6:12 AM"),
        *(
            "4/20/20T6:12",
            "4-20-20 6:12 AM",
            "4/20/20 6.12 AM",
            "4/20/20 6:12\tAM",
            "4/20/20\t6:12 AM",
        ),
        *(
            "\u0664/20/20 6:12 AM",
            "4/20/20 6:\u0661\u0662 AM",
            "4/20/20 6:12 AM\n",
            "\n4/20/20 6:12 AM",
        ),
        *("4/20/20 6:12:00.5", "4/20/20 6:12 AM EST", "4/20/20 6:12Z", "nan", "0", "=1+1"),
    ],
)
def test_no_time(text: str) -> None:
    """What is no time has no value, and is neither ambiguous nor missing."""
    for zone in ("America/New_York", "Asia/Kathmandu"):
        assert ([None], [], []) == Clock(zone).instants([text])


def test_none() -> None:
    """A NULL among texts has no value."""
    assert [None, 0] == Clock("UTC").instants([None, "1/1/1970 12:00 AM"]).values


def test_unknown_zone() -> None:
    """A zone that is not in the database is an error at once."""
    with pytest.raises(ZoneInfoNotFoundError):
        Clock("Nowhere/Town")


def test_more_dates_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before is forgotten at a limit, and read again all the same."""
    monkeypatch.setattr("cdr_engine.columns.clock.KEPT", 3)
    clock = Clock("UTC")
    texts = [f"1/{day}/70 {day}:00" for day in range(1, 20)] * 2
    century = int(datetime(2070, 1, 1, tzinfo=UTC).timestamp())
    expected = [(century + n * 86_400 + (n + 1) * 3600) * 1000 for n in range(19)] * 2

    assert expected == clock.instants(texts).values
    assert max(len(clock._dates), len(clock._times)) <= 3


def test_a_whole_day_that_was_skipped() -> None:
    """Samoa had no 30th of December 2011: its times move on by a day."""
    read = Clock("Pacific/Apia").instants(
        ["12/29/11 11:00 PM", "12/30/11 11:00 AM", "12/31/11 1:00"]
    )
    expected = [datetime(2011, 12, *rest, tzinfo=UTC) for rest in ((30, 9), (30, 21), (30, 11))]

    assert [int(at.timestamp()) * 1000 for at in expected] == read.values
    assert ([], [1]) == (read.ambiguous, read.missing)
