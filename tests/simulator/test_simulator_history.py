from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import fmean, median, pvariance
from zoneinfo import ZoneInfo

import pytest

from cdr_engine.simulator import ACCOUNT_IDS, COLUMN_NAMES, History

MONDAY = datetime(2024, 3, 4, tzinfo=UTC)
DAYS = timedelta(days=1)
FIRST, SECOND = ACCOUNT_IDS


@pytest.fixture(scope="module")
def month(history: History) -> list[dict[str, object]]:
    """Return four weeks of one account."""
    return history.calls(FIRST, MONDAY, MONDAY + 28 * DAYS)


def test_same_seed_same_history() -> None:
    """Two histories of one seed agree in every value of every call."""
    one, other = (History(9, calls_per_day=50) for _ in range(2))

    assert one.accounts == other.accounts
    assert one.calls(FIRST, MONDAY, MONDAY + DAYS) == other.calls(FIRST, MONDAY, MONDAY + DAYS)


def test_other_seed_other_history() -> None:
    """Another seed gives other calls."""
    one, other = (History(seed, calls_per_day=50) for seed in (1, 2))

    assert one.calls(FIRST, MONDAY, MONDAY + DAYS) != other.calls(FIRST, MONDAY, MONDAY + DAYS)


@pytest.mark.parametrize("cuts", [1, 7, 300])
def test_windows_add_up(history: History, cuts: int) -> None:
    """However three days are cut into windows, the windows hold the same calls in order."""
    random = Random(cuts)
    seconds = sorted(random.randrange(3 * 86_400) for _ in range(cuts))
    edges = [MONDAY, *(MONDAY + timedelta(seconds=s) for s in seconds), MONDAY + 3 * DAYS]
    parts = [call for a, b in pairwise(edges) for call in history.calls(FIRST, a, b)]

    assert parts == history.calls(FIRST, MONDAY, MONDAY + 3 * DAYS)


def test_order_of_asking() -> None:
    """A day asked for alone equals the same day asked for after others."""
    fresh, used = History(3, calls_per_day=80), History(3, calls_per_day=80)
    used.calls(FIRST, MONDAY - 5 * DAYS, MONDAY + 5 * DAYS)
    used.calls(SECOND, MONDAY, MONDAY + DAYS)

    assert fresh.calls(FIRST, MONDAY, MONDAY + DAYS) == used.calls(FIRST, MONDAY, MONDAY + DAYS)


def test_profiles_partition_the_calls(history: History) -> None:
    """Every call belongs to exactly one profile, and asking by profile finds it there."""
    everything = history.calls(FIRST, MONDAY, MONDAY + DAYS)
    by_profile = [
        history.calls(FIRST, MONDAY, MONDAY + DAYS, [profile.profile_id])
        for profile in history.account(FIRST).profiles
    ]

    assert sorted(call["uii"] for calls in by_profile for call in calls) == sorted(
        call["uii"] for call in everything
    )


def test_destination_tried_or_reached(history: History) -> None:
    """Asking by destination finds the calls that tried it or were connected to it."""
    wanted = history.account(FIRST).destinations[0].destination_id
    columns = ("attempt_1_id", "attempt_2_id", "connected_id")
    everything = history.calls(FIRST, MONDAY, MONDAY + 3 * DAYS)
    expected = [call for call in everything if wanted in {call[column] for column in columns}]
    found = history.calls(FIRST, MONDAY, MONDAY + 3 * DAYS, destination_ids=[wanted])

    assert expected
    assert expected == found


@pytest.mark.parametrize("year", [1931, 1970, 2400])
def test_endless(year: int) -> None:
    """The history reaches far back and far ahead, sorted and within its window."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    calls = History(2, calls_per_day=60).calls(FIRST, start, start + 2 * DAYS)
    starts = [call["start"] for call in calls]

    assert len(calls) > 20
    assert starts == sorted(starts)
    assert start <= starts[0] <= starts[-1] < start + 2 * DAYS


def test_end_is_excluded(history: History) -> None:
    """A call that starts at the end of a window belongs to the next."""
    edge = history.calls(FIRST, MONDAY, MONDAY + DAYS)[5]["start"]

    assert edge not in [call["start"] for call in history.calls(FIRST, MONDAY, edge)]
    assert history.calls(FIRST, edge, MONDAY + DAYS)[0]["start"] == edge


def test_columns_of_a_record(month: list[dict[str, object]]) -> None:
    """A record has the account, the true start and the 34 columns, in the order of the header."""
    assert tuple(month[0]) == ("account_id", "start", *COLUMN_NAMES)


def test_durations_add_up(month: list[dict[str, object]]) -> None:
    """The inbound leg is queue plus talk, and what was never connected has no talk."""
    for call in month:
        talk = call["connected_duration"]
        assert call["inbound_duration"] == call["queue_time"] + (talk or 0)
        assert (call["call_result"] == "CONNECTED") == (talk is not None)
        assert (call["connected_id"] is None) == (talk is None)


def test_attempts_fit_into_the_queue(month: list[dict[str, object]]) -> None:
    """Rings add up to no more than the time in queue, and attempts shown are attempts made."""
    for call in month:
        shown = [call[f"attempt_{n}_disp"] for n in (1, 2) if call[f"attempt_{n}_disp"]]
        rings = [int(re.fullmatch(r"[A-Z-]+\((\d+)\)", disp)[1]) for disp in shown]
        assert sum(rings) <= call["queue_time"]
        assert call["dequeue_attempts"] >= len(shown)


def test_uii(month: list[dict[str, object]]) -> None:
    """An uii is 30 digits, unique, and starts with the clock of US Eastern."""
    eastern = ZoneInfo("America/New_York")

    assert len({call["uii"] for call in month}) == len(month)
    for call in month:
        assert re.fullmatch(r"\d{30}", call["uii"])
        assert call["uii"][:14] == f"{call['start'].astimezone(eastern):%Y%m%d%H%M%S}"


def test_uii_in_the_repeated_hour() -> None:
    """Where the Eastern clock shows an hour twice, ids still differ, over all accounts."""
    history = History(4, calls_per_day=20_000)
    start = datetime(2025, 11, 2, 5, tzinfo=UTC)
    calls = [
        call["uii"]
        for account in ACCOUNT_IDS
        for call in history.calls(account, start, start + timedelta(hours=2))
    ]

    assert len(calls) > 80
    assert {uii[8:10] for uii in calls} == {"01"}
    assert len(set(calls)) == len(calls)


def test_volume() -> None:
    """Over four weeks the mean day has about `calls_per_day` calls."""
    history = History(6, calls_per_day=1500)
    calls = history.calls(FIRST, MONDAY, MONDAY + 28 * DAYS)

    assert 1500 * 28 == pytest.approx(len(calls), rel=0.05)


def test_default_volume() -> None:
    """Two accounts make about 200,000 calls in 30 days unless told otherwise."""
    history = History()

    assert 2 * 30 * history.calls_per_day == pytest.approx(200_000, rel=0.001)


def test_day_and_week(month: list[dict[str, object]]) -> None:
    """Phones ring by day and on workdays more than by night and on Sundays."""
    eastern = ZoneInfo("America/New_York")
    local = [call["start"].astimezone(eastern) for call in month]
    hours, days = Counter(t.hour for t in local), Counter(t.weekday() for t in local)

    assert hours[10] > 5 * hours[3]
    assert days[0] > 1.5 * days[6]


def test_talk_is_skewed(month: list[dict[str, object]]) -> None:
    """Talk has the long tail of a lognormal: its mean is well above its median."""
    talk = [call["connected_duration"] for call in month if call["connected_duration"]]

    assert fmean(talk) > 1.3 * median(talk)


def test_every_result_occurs(month: list[dict[str, object]]) -> None:
    """Most callers are connected, some give up, and the rarer ends occur as well."""
    results = Counter(call["call_result"] for call in month)

    assert set(results) == {"CONNECTED", "ABANDON", "DEFLECTED", "NOANSWER", "BUSY", "CONGESTION"}
    assert 0.75 < results["CONNECTED"] / len(month) < 0.95
    assert 0.03 < results["ABANDON"] / len(month) < 0.2


def test_callers_try_again(month: list[dict[str, object]]) -> None:
    """Callers who gave up call again soon, the others rarely."""
    last: dict[object, dict[str, object]] = {}
    again: Counter[bool] = Counter()
    total: Counter[bool] = Counter()
    for call in month:
        total[call["call_result"] == "ABANDON"] += 1
        before = last.get(call["ani"])
        if before and call["start"] - before["start"] < timedelta(hours=1):
            again[before["call_result"] == "ABANDON"] += 1
        last[call["ani"] or call["uii"]] = call

    assert again[True] / total[True] > 3 * again[False] / total[False]


def test_spots_make_bursts() -> None:
    """Numbers that are advertised ring in bursts: far more variance than a Poisson process has."""
    calls = History(8, calls_per_day=2000).calls(FIRST, MONDAY, MONDAY + DAYS)

    def dispersion(*, advertised: bool) -> float:
        chosen = [c["start"] for c in calls if (c["media_code"] is not None) == advertised]
        counts = Counter(int((start - MONDAY).total_seconds()) // 300 for start in chosen)
        bins = [counts[n] for n in range(13 * 12, 22 * 12)]
        return pvariance(bins) / fmean(bins)

    assert dispersion(advertised=True) > 1.5 * dispersion(advertised=False)


def test_media_belong_to_the_number(month: list[dict[str, object]]) -> None:
    """One dialled number has one profile and one set of media columns; without, length is 0."""
    columns = [column for column in COLUMN_NAMES if column.startswith("media_")]
    media = {(c["dnis"], c["cloud_profile_id"], *(c[column] for column in columns)) for c in month}

    assert len(media) == len({call["dnis"] for call in month})
    assert {c["media_length"] for c in month if c["media_code"] is None} == {"0"}


def test_ids_of_the_vendor_request(history: History) -> None:
    """The accounts, groups and profiles of the vendor's published request exist."""
    profiles = {p.profile_id: p.group.group_id for a in history.accounts for p in a.profiles}

    assert {profiles[n] for n in (1111, 2222, 3333, 4444)} == {111, None}


def test_ids_are_unique(history: History) -> None:
    """No two profiles, and no two destinations, share an id, over all accounts."""
    profiles = [p.profile_id for a in history.accounts for p in a.profiles]
    destinations = [d.destination_id for a in history.accounts for d in a.destinations]

    assert len(set(profiles)) == len(profiles)
    assert len(set(destinations)) == len(destinations)


@pytest.mark.parametrize(
    "wrong", [{"calls_per_day": 0}, {"calls_per_day": 1e9}, {"account_ids": ("1", "1")}]
)
def test_refuses_what_it_cannot_make(wrong: dict[str, object]) -> None:
    """A volume or a list of accounts that makes no sense is refused by name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        History(1, **wrong)


def test_unknown_account(history: History) -> None:
    """Asking for an account that is not there is a KeyError."""
    with pytest.raises(KeyError):
        history.calls("1", MONDAY, MONDAY + DAYS)
