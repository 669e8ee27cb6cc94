from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdr_engine.errors import UsageError
from cdr_engine.windows import Window, moment, plan, size_of, subtract

NEW_YORK = "America/New_York"
NOW = datetime(2024, 11, 5, 17, 42, 31, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, end: str) -> Window:
    """A window in UTC."""
    return Window(at(start), at(end))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-11-01", "2024-11-01 04:00"),
        ("20241101", "2024-11-01 04:00"),
        (" 2024-11-01 06:30 ", "2024-11-01 10:30"),
        ("2024-11-01T06:30", "2024-11-01 10:30"),
        ("2024-11-01T06:30:00Z", "2024-11-01 06:30"),
        ("2024-11-01 06:30+05:45", "2024-11-01 00:45"),
        ("today", "2024-11-05 05:00"),
        ("Yesterday", "2024-11-04 05:00"),
        ("now", "2024-11-05 17:42"),
        ("-1d", "2024-11-04 05:00"),
        ("-2d", "2024-11-03 04:00"),
        ("-30D", "2024-10-06 04:00"),
        ("-1w", "2024-10-29 04:00"),
        ("-12h", "2024-11-05 05:42"),
        ("2024-11-03 01:30", "2024-11-03 05:30"),
        ("2024-03-10 02:30", "2024-03-10 07:30"),
    ],
)
def test_moment(text: str, expected: str) -> None:
    """Dates are local midnights; of repeated times it is the earlier, skipped ones move on."""
    assert at(expected) == moment(text, time_zone=NEW_YORK, now=NOW)


def test_days_begin_by_the_zone() -> None:
    """Which day is today depends on the zone, not on UTC."""
    now = at("2024-11-05 20:00")

    assert at("2024-11-05 18:15") == moment("today", time_zone="Asia/Kathmandu", now=now)
    assert at("2024-11-05 00:00") == moment("today", time_zone="UTC", now=now)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "tomorrow",
            "30d",
            "-0d",
            "-d",
            "-30m",
            "-1.5d",
            "--1d",
            "11/1/24",
            "2024-13-01",
        ),
        *("2024-02-30", "2024-11-01 25:00", "2024-11-01 06:30 AM", "1730462400", "-\u0661d"),
    ],
)
def test_no_moment(text: str) -> None:
    """What is no date or time is refused with an example of one."""
    with pytest.raises(UsageError, match="is no date or time: write 2026-11-01"):
        moment(text, time_zone=NEW_YORK, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("2024-11-01 06:30:15", "2024-11-01 06:30:00.000001", "2024-11-01 06:30+01:00:30"),
        "1800-01-01",
    ],
)
def test_moment_within_a_minute(text: str) -> None:
    """Windows stand on whole minutes, of UTC too: seconds in the time or the offset are refused."""
    with pytest.raises(UsageError, match="not on a whole minute"):
        moment(text, time_zone=NEW_YORK, now=NOW)


@pytest.mark.parametrize(
    ("text", "zone"), [("0001-01-01", "Asia/Kathmandu"), ("9999-12-31 23:59", NEW_YORK)]
)
def test_moment_beyond_the_calendar(text: str, zone: str) -> None:
    """A local time whose instant has no date is refused."""
    with pytest.raises(UsageError, match="beyond the years"):
        moment(text, time_zone=zone, now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("auto", None), ("12h", 12 * HOUR), ("1d", DAY), ("2w", 2 * WEEK), (" 3 D ", 3 * DAY)],
)
def test_size(text: str, expected: timedelta | None) -> None:
    """Hours, days or weeks; auto leaves it open."""
    assert expected == size_of(text)


@pytest.mark.parametrize(
    "text", ["", "0d", "-1d", "1", "d", "1m", "1.5d", "1d1h", "123456d", "\u0661d"]
)
def test_no_size(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(UsageError, match="write auto, or a size such as 12h, 1d or 2w"):
        size_of(text)


def test_window_names() -> None:
    """A window's name is its bounds in UTC; names sort as windows do."""
    days = [Window(at("2024-09-30") + n * DAY, at("2024-10-01") + n * DAY) for n in range(99)]

    assert "20240930T000000Z--20241001T000000Z" == days[0].name
    assert "2024-09-30 00:00 to 2024-10-01 00:00 UTC" == str(days[0])
    assert days == sorted(days, key=lambda each: each.name)


def test_overlap() -> None:
    """Neighbours that share a bound do not overlap, as an end does not belong to its window."""
    first = window("2024-11-01", "2024-11-02")

    assert not first.overlaps(window("2024-11-02", "2024-11-03"))
    assert first.overlaps(window("2024-11-01 23:59", "2024-11-03"))
    assert first.overlaps(first)


@pytest.mark.parametrize(
    ("date", "hours"), [("2024-11-03", 25), ("2024-11-04", 24), ("2025-03-09", 23)]
)
def test_days_of_dst(date: str, hours: int) -> None:
    """A day is from one local midnight to the next, be it 23 or 25 hours long."""
    start = moment(date, time_zone=NEW_YORK, now=NOW)
    period = Window(start, start + hours * HOUR)

    assert [period] == plan(period, size=DAY, covered=[], time_zone=NEW_YORK)


def test_hours_of_a_day_of_dst() -> None:
    """Sizes below a day count from each local midnight; a day's last window is what is left."""
    period = Window(at("2024-11-03 04:00"), at("2024-11-05 05:00"))
    windows = plan(period, size=12 * HOUR, covered=[], time_zone=NEW_YORK)

    assert [12, 12, 1, 12, 12] == [(each.end - each.start) // HOUR for each in windows]


def test_months() -> None:
    """Without a size, windows are calendar months of the zone."""
    period = Window(at("2023-11-15 12:00"), at("2024-02-10"))
    windows = plan(period, size=None, covered=[], time_zone=NEW_YORK)

    assert [
        window("2023-11-15 12:00", "2023-12-01 05:00"),
        window("2023-12-01 05:00", "2024-01-01 05:00"),
        window("2024-01-01 05:00", "2024-02-01 05:00"),
        window("2024-02-01 05:00", "2024-02-10"),
    ] == windows


def test_subtract() -> None:
    """What is left of a period is in order, whatever order and overlaps the rest has."""
    period = window("2024-11-01", "2024-11-10")
    covered = [
        window("2024-11-05", "2024-11-06"),
        window("2024-10-01", "2024-11-02"),
        window("2024-11-05 12:00", "2024-11-07"),
        window("2024-11-09", "2024-12-01"),
        window("2024-12-01", "2024-12-02"),
    ]

    assert [
        window("2024-11-02", "2024-11-05"),
        window("2024-11-07", "2024-11-09"),
    ] == subtract(period, covered)
    assert [] == subtract(period, [period])
    assert [period] == subtract(period, [])


ZONES = st.sampled_from(
    [
        *(NEW_YORK, "US/Arizona", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"),
        *("Africa/Casablanca", "UTC", "America/Sao_Paulo", "Pacific/Apia", "America/Havana"),
    ]
)
SIZES = st.one_of(
    st.none(),
    st.sampled_from([HOUR, 5 * HOUR, 12 * HOUR, 36 * HOUR, DAY, 3 * DAY, WEEK, 52 * WEEK]),
)
INSTANTS = st.one_of(
    st.integers(0, 60 * 24 * 400).map(
        lambda minutes: at("2024-10-01") + timedelta(minutes=minutes)
    ),
    st.integers(0, 60 * 24 * 40).map(lambda minutes: at("2009-10-15") + timedelta(minutes=minutes)),
    st.integers(0, 60 * 24 * 20).map(lambda minutes: at("2011-12-20") + timedelta(minutes=minutes)),
)
PERIODS = st.tuples(INSTANTS, st.integers(0, 60 * 24 * 90)).map(
    lambda drawn: Window(drawn[0], drawn[0] + timedelta(minutes=drawn[1]))
)


def minutes_of(windows: list[Window]) -> set[int]:
    """Every minute of the windows, none of which may come twice."""
    ranges = [range(*(int(bound.timestamp()) // 60 for bound in each)) for each in windows]
    minutes = {minute for each in ranges for minute in each}
    assert sum(map(len, ranges)) == len(minutes)
    return minutes


@given(PERIODS, SIZES, st.lists(PERIODS, max_size=4), ZONES)
@settings(max_examples=150, deadline=None)
def test_plan_tiles_the_period(
    period: Window, size: timedelta | None, covered: list[Window], zone: str
) -> None:
    """Windows of a plan ascend, are not empty, and are minute by minute what is not covered."""
    windows = plan(period, size=size, covered=covered, time_zone=zone)
    there = set().union(*(minutes_of([each]) for each in covered))

    assert windows == sorted(windows)
    assert all(each.start < each.end for each in windows)
    assert minutes_of([period]) - there == minutes_of(windows)


@given(PERIODS, SIZES, st.integers(0, 60 * 24 * 30), ZONES)
@settings(max_examples=150, deadline=None)
def test_bounds_do_not_depend_on_the_start(
    period: Window, size: timedelta | None, minutes: int, zone: str
) -> None:
    """A period that begins later is cut at the same places from there on."""
    later = Window(period.start + timedelta(minutes=minutes), period.end)
    bounds, others = (
        [each.end for each in plan(asked, size=size, covered=[], time_zone=zone)]
        for asked in (period, later)
    )

    assert [bound for bound in bounds if bound > later.start] == others


@given(PERIODS, SIZES, ZONES, st.data())
@settings(max_examples=80, deadline=None)
def test_what_is_missing_of_a_plan(
    period: Window, size: timedelta | None, zone: str, drawn: st.DataObject
) -> None:
    """When some windows of a plan were fetched, the next plan is the others."""
    windows = plan(period, size=size, covered=[], time_zone=zone)
    done = [each for each in windows if drawn.draw(st.booleans())]

    assert [each for each in windows if each not in done] == plan(
        period, size=size, covered=done, time_zone=zone
    )


def test_second_midnight() -> None:
    """Clocks set back just behind midnight make the evening before come twice: plans go on."""
    zone = ZoneInfo("America/St_Johns")
    start = datetime(2009, 10, 31, 23, 30, tzinfo=zone, fold=1).astimezone(UTC)
    period = Window(start, start + 2 * DAY)
    windows = plan(period, size=DAY, covered=[], time_zone=zone.key)

    assert [30, 24 * 60, 23 * 60 + 30] == [
        (each.end - each.start) // timedelta(minutes=1) for each in windows
    ]
