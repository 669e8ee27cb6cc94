"""Views of media: rows given, rows expected."""

from __future__ import annotations

import datetime as dt
from math import sqrt
from typing import TYPE_CHECKING, Any

import pytest
from calls_given import ask, at, call, given, one
from plain_python import rate

if TYPE_CHECKING:
    from pathlib import Path

MEDIA = {
    "ani": "5557654321",
    "dnis": "8005550100",
    "media_code": "A1",
    "media_network": "KBLU",
    "media_market": "Boise",
    "media_format": "TV",
    "media_isci": "ABCD1234",
    "media_version": "B",
    "media_length": "60",
}
VIEWS = ("media_performance", "media_market", "creative_compare", "dnis_inventory", "media_bursts",
         "first_touch", "area_code")  # fmt: skip
KEYS = ("account_id", "day", "dnis", "media_market", "npa", "media_code")


def aired(enqueue: str | None = "2025-01-02 12:00", talk: int = 0, **cells: Any) -> dict[str, Any]:
    """A connected call to an advertisement's number."""
    return call(enqueue, **MEDIA | {"connected_duration": talk} | cells)


@pytest.mark.parametrize("view", VIEWS)
def test_no_calls(tmp_path: Path, view: str) -> None:
    """Without calls there is no row."""
    assert ask(tmp_path, view) == []


def test_call_of_nothing_but_null(tmp_path: Path) -> None:
    """A call whose every cell is NULL is counted under NULL, or has no place, as the view says."""
    given(tmp_path, dict.fromkeys(call()))

    for view in ("media_performance", "media_market", "dnis_inventory", "area_code"):
        (row,) = ask(tmp_path, view)
        assert row["n_calls"] == 1
        assert {row[key] for key in KEYS[1:] if key in row} == {None}
    assert one(tmp_path, "media_performance", "n_callers", "talk_minutes") == (0, 0)
    assert one(tmp_path, "dnis_inventory", "days_silent", "is_ambiguous") == (None, False)
    for view in ("creative_compare", "media_bursts", "first_touch"):
        assert ask(tmp_path, view) == []


@pytest.mark.parametrize("view", VIEWS)
def test_accounts_stay_apart(tmp_path: Path, view: str) -> None:
    """Equal numbers, codes and callers of two accounts, or of none, are never added up."""
    for account in ("1", "2", "__HIVE_DEFAULT_PARTITION__"):
        given(tmp_path, aired(), account=account)
    rows = ask(tmp_path, f"from {view} order by account_id")

    assert [row["account_id"] for row in rows] == ["1", "2", None]
    for name in ("n_rest", "n_cross_code_calls", "days_silent"):
        assert {row[name] for row in rows if name in row} <= {0}
    assert all(row.get("call_share", 1) == 1 for row in rows)


def test_performance(tmp_path: Path) -> None:
    """Who calls twice is one caller of two calls; a blocked number is a call without a caller."""
    given(
        tmp_path,
        aired(talk=120),
        aired(talk=119, ani="+1 (555) 765-4321"),
        aired(talk=300, ani="anonymous"),
        aired(talk=61, ani="5557654322", call_result="ABANDON"),
        aired(media_code=None),
        aired("2025-01-03 12:00"),
    )
    rows = ask(tmp_path, "from media_performance order by day, media_code nulls last")

    assert rows[0] == {
        "account_id": "13670001",
        "day": dt.date(2025, 1, 2),
        **{key: MEDIA[key] for key in ("media_code", "dnis", "media_network", "media_market")},
        "media_format": "TV",
        "n_calls": 4,
        "n_callers": 2,
        "n_connected": 3,
        "n_qualified": 2,
        "n_qualified_callers": 1,
        "talk_minutes": 10,
        **{name: pytest.approx(value) for name, value in rate("qualified_rate", 2, 4).items()},
        "is_small_sample": True,
    }
    assert [row["n_calls"] for row in rows] == [4, 1, 1]


def test_callers_do_not_add_up(tmp_path: Path) -> None:
    """One who calls two numbers is a caller of each, and one caller of the market."""
    given(tmp_path, aired(), aired(dnis="8005550101"))

    assert [1, 1] == [row["n_callers"] for row in ask(tmp_path, "media_performance")]
    assert one(tmp_path, "media_market", "n_calls", "n_callers") == (2, 1)


@pytest.mark.parametrize(
    ("ani", "caller"),
    [
        ("5557654321", "5557654321"),
        ("15557654321", "5557654321"),
        ("+1-555-765-4321", "5557654321"),
        ("(555) 765-4321", "5557654321"),
        ("sip:5557654321@10.0.0.1:5060", "5557654321"),
        ("tel:+15557654321", "5557654321"),
        ("+442071838750", "442071838750"),
        ("02071838750", "02071838750"),
        ("1234", "1234"),
        ("anonymous", None),
        ("Restricted 2", None),
        ("sip:anonymous@anonymous.invalid", None),
        ("0", None),
        ("0000000000", None),
        ("266696687", None),
        ("7378742833", None),
        ("17378742833", None),
        ("+86282452253", None),
        ("", None),
        (None, None),
    ],
)
def test_callers_in_one_form(tmp_path: Path, ani: str | None, caller: str | None) -> None:
    """A number is its digits without the North American 1; a blocked one is nobody's."""
    given(tmp_path, aired(ani=ani))
    answer = ask(tmp_path, "select caller(ani) as caller from stg_calls")

    assert answer == [{"caller": caller}]
    assert one(tmp_path, "media_market", "n_callers") == (caller is not None)


def test_market(tmp_path: Path) -> None:
    """The index compares a market's rate with the account's, of all calls, also without market."""
    given(
        tmp_path,
        *[aired(talk=200)] * 3,
        aired(),
        aired(talk=200, media_market="Omaha"),
        *[aired(media_market="Omaha")] * 3,
        *[aired(media_market=None)] * 2,
    )
    rows = ask(tmp_path, "from media_market order by media_market nulls last")
    names = ("media_market", "n_calls", "n_qualified", "call_share", "qualified_rate")

    assert [("Boise", 4, 3, 0.4, 0.75), ("Omaha", 4, 1, 0.4, 0.25), (None, 2, 0, 0.2, 0)] == [
        tuple(row[name] for name in names) for row in rows
    ]
    assert [187.5, 62.5, 0] == [pytest.approx(row["quality_index"]) for row in rows]
    share = rate("call_share", 4, 10, "call_share")
    assert rows[0]["call_share_low"] == pytest.approx(share["call_share_low"])


def test_market_without_qualified_calls(tmp_path: Path) -> None:
    """Where no call of the account is qualified there is no index, and no error."""
    given(tmp_path, aired(), aired(media_market=None))

    assert [None, None] == [row["quality_index"] for row in ask(tmp_path, "media_market")]


def test_creatives(tmp_path: Path) -> None:
    """Each creative's rate against that of all others: z of two proportions."""
    given(
        tmp_path,
        *[aired(talk=200)] * 20,
        *[aired()] * 20,
        *[aired(talk=200, media_version="C")] * 8,
        *[aired(media_version="C")] * 2,
        *[aired(media_isci=None)] * 50,
    )
    first, second = ask(tmp_path, "from creative_compare order by media_version")

    z = (20 / 40 - 8 / 10) / sqrt(28 / 50 * 22 / 50 * (1 / 40 + 1 / 10))
    assert (first["n_calls"], first["n_rest"], first["rest_rate"]) == (40, 10, 0.8)
    assert first["z_against_rest"] == pytest.approx(z)
    assert second["z_against_rest"] == pytest.approx(-z)
    assert (first["is_small_sample"], second["is_small_sample"]) == (False, True)
    assert (first["media_length"], first["media_length_s"]) == ("60", 60)


@pytest.mark.parametrize("talk", [0, 200])
def test_creatives_without_a_difference(tmp_path: Path, talk: int) -> None:
    """Where none or all of the calls are qualified, or there is no other creative, z is NULL."""
    given(tmp_path, *[aired(talk=talk)] * 3)
    assert one(tmp_path, "creative_compare", "n_rest", "rest_rate", "z_against_rest") == (
        0,
        None,
        None,
    )
    given(tmp_path, *[aired(talk=talk, media_isci="EFGH1234")] * 4, window="more")
    rows = ask(tmp_path, "creative_compare")
    assert [None, None] == [row["z_against_rest"] for row in rows]


@pytest.mark.parametrize(
    ("code", "is_known"),
    [
        ("ABCD1234", True),
        ("ABCD1234H", True),
        ("CDRX4611R", False),
        ("ABC12345", False),
        ("abcd1234", False),
        ("ABCD12345678", False),
        ("ABCD1234567", True),
        ("ABCD1234567H", True),
        ("ABCD1234567D", True),
        ("A1B2C3D4E5F", True),
        ("1BCD1234567", False),
        ("ABCD 123456", False),
        ("", False),
    ],
)
def test_forms_of_creatives(tmp_path: Path, code: str, is_known: bool) -> None:
    """ISCI is four letters and four digits, Ad-ID eleven that begin with a letter; H or D more."""
    given(tmp_path, aired(media_isci=code))

    assert one(tmp_path, "creative_compare", "is_isci_or_ad_id") is is_known


def test_inventory(tmp_path: Path) -> None:
    """A number with two codes is ambiguous, one with a code and none is not."""
    given(
        tmp_path,
        aired("2025-01-02 12:00"),
        aired("2025-01-05 23:59", media_code="B2", cloud_profile_id=2),
        aired(None, media_code=None),
        aired("2025-01-06 00:01", dnis="8005550101"),
        aired("2025-01-03 00:01", dnis="8005550101", media_code=None),
        aired(None, dnis=None),
    )
    rows = ask(tmp_path, "from dnis_inventory order by dnis nulls last")

    assert rows[0] == {
        "account_id": "13670001",
        "dnis": "8005550100",
        "first_seen_at": at("2025-01-02 12:00"),
        "last_seen_at": at("2025-01-05 23:59"),
        "n_calls": 3,
        "n_without_code": 1,
        "n_media_codes": 2,
        "n_profiles": 2,
        "is_ambiguous": True,
        "days_silent": 1,
    }
    assert [False, False] == [row["is_ambiguous"] for row in rows[1:]]
    assert [0, None] == [row["days_silent"] for row in rows[1:]]


def test_silence_is_of_local_days(tmp_path: Path) -> None:
    """Two minutes about midnight in UTC are one day apart there, and none in Arizona."""
    given(tmp_path, aired("2025-01-05 23:59"), aired("2025-01-06 00:01", dnis="8005550101"))
    text = "select max(days_silent) as days from dnis_inventory"

    assert (one(tmp_path, text, "days"), one(tmp_path, text, "days", zone="US/Arizona")) == (1, 0)


def burst_of(tmp_path: Path, minutes: list[int], n: int) -> tuple[float | None, float | None, bool]:
    """Baseline, z and flag of n calls at 12:00, with one call each so many minutes before."""
    before = [at("2025-01-02 12:00") - dt.timedelta(minutes=m) for m in minutes]
    rows = [aired(moment.isoformat()) for moment in before]
    given(tmp_path, *rows, *[aired("2025-01-02 12:03")] * n)
    text = "from media_bursts where slot_at = timestamptz '2025-01-02 12:00+00'"
    return one(tmp_path, text, "baseline_calls", "z", "is_burst")


@pytest.mark.parametrize(
    ("minutes", "n", "expected"),
    [
        ([120], 4, (1 / 22, (4 - 1 / 22) / 0.5, True)),
        ([120], 3, (1 / 22, (3 - 1 / 22) / 0.5, False)),
        ([121, 15, 10, 5], 4, (1 / 22, (4 - 1 / 22) / 0.5, True)),
        ([300], 4, (0, 8, True)),
        ([120, *range(15, 95)], 5, (81 / 22, (5 - 81 / 22) / sqrt(81 / 22), False)),
        ([119, 14], 9, (2 / 22, (9 - 2 / 22) / 0.5, True)),
        ([115], 9, (None, None, False)),
        ([], 9, (None, None, False)),
    ],
)
def test_bursts(tmp_path: Path, minutes: list[int], n: int, expected: tuple[Any, ...]) -> None:
    """The mean of the 22 slots from 120 to 15 minutes before, zeros too, is what n is held to."""
    assert burst_of(tmp_path, minutes, n) == tuple(
        pytest.approx(part) if isinstance(part, float) else part for part in expected
    )


def test_bursts_have_rows_for_calls_only(tmp_path: Path) -> None:
    """Two calls years apart are two rows, and calls without any time are none."""
    given(tmp_path, aired("2000-01-01 12:00"), aired("2025-01-02 12:00"), aired(None))
    rows = ask(tmp_path, "from media_bursts order by slot_at")

    assert [(1, None), (1, 0)] == [(row["n_calls"], row["baseline_calls"]) for row in rows]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Lord_Howe"])
def test_bursts_in_the_repeated_hour(tmp_path: Path, zone: str) -> None:
    """Slots and baselines are of instants: an hour that a zone repeats is two hours."""
    given(tmp_path, *[aired(f"2025-11-02 0{hour}:30") for hour in (3, 5, 6)])
    rows = ask(tmp_path, "from media_bursts order by slot_at", zone=zone)

    assert [at(f"2025-11-02 0{hour}:30") for hour in (3, 5, 6)] == [
        row["slot_at"].astimezone(dt.UTC) for row in rows
    ]
    assert [None, 1 / 22, 1 / 22] == [row["baseline_calls"] for row in rows]


def test_first_touch(tmp_path: Path) -> None:
    """Calls from the first with a code to 30 days after count for it, whatever code they have."""
    given(
        tmp_path,
        aired("2025-01-01 11:59", media_code=None, talk=200),
        aired("2025-01-01 12:00", talk=200),
        aired("2025-01-02 12:00", media_code="B2", talk=200),
        aired("2025-01-03 12:00", media_code=None),
        aired("2025-01-31 12:00"),
        aired("2025-01-31 12:01", talk=200),
        aired("2025-01-20 12:00", ani="5557654322"),
        aired("2025-01-20 12:00", ani="anonymous"),
        aired(None, ani="5557654323"),
    )
    (row,) = ask(tmp_path, "first_touch")

    assert row == {
        "account_id": "13670001",
        "first_media_code": "A1",
        "n_callers": 2,
        "n_callers_followed": 1,
        "n_calls": 5,
        "n_cross_code_calls": 1,
        "n_qualified": 2,
        "n_qualified_callers": 1,
        "qualified_per_caller": 1,
        **{n: pytest.approx(v) for n, v in rate("qualified_caller_rate", 1, 2).items()},
        "is_small_sample": True,
    }


def test_first_of_two_codes_at_once(tmp_path: Path) -> None:
    """Of two codes in the same second the first in order is the first, whichever came first."""
    for codes in (("B2", "A1"), ("A1", "B2")):
        dataset = tmp_path / codes[0]
        given(dataset, *(aired(media_code=code) for code in codes))
        assert one(dataset, "first_touch", "first_media_code", "n_cross_code_calls") == ("A1", 1)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_thirty_days_are_720_hours(tmp_path: Path, zone: str) -> None:
    """A change of DST within the 30 days neither adds a call nor loses one."""
    given(tmp_path, *map(aired, ("2025-10-20 12:00", "2025-11-19 12:00", "2025-11-19 12:01")))

    assert one(tmp_path, "first_touch", "n_calls", "n_callers_followed", zone=zone) == (2, 1)


@pytest.mark.parametrize(
    ("ani", "npa"),
    [
        ("5557654321", "555"),
        ("+1 555 765 4321", "555"),
        ("sip:15557654321@host", "555"),
        ("2005550100", "200"),
        ("1557654321", None),
        ("0557654321", None),
        ("9117654321", None),
        ("442071838750", None),
        ("+4420718387", "442"),
        ("7654321", None),
        ("anonymous", None),
        ("7378742833", None),
        (None, None),
    ],
)
def test_area_codes(tmp_path: Path, ani: str | None, npa: str | None) -> None:
    """Of ten digits, the first three, [2-9]xx and not x11; all else is a row with NULL."""
    given(tmp_path, aired(ani=ani, talk=120))

    columns = ("npa", "media_market", "n_calls", "n_qualified", "qualified_rate")
    assert one(tmp_path, "area_code", *columns) == (npa, "Boise", 1, 1, 1)


def test_small_samples(tmp_path: Path) -> None:
    """Thirty calls, or callers, are no small sample, 29 are."""
    for account, n in (("1", 29), ("2", 30)):
        callers = (f"555765{number:04}" for number in range(n))
        given(tmp_path, *(aired(ani=caller) for caller in callers), account=account)
    views = ("media_performance", "media_market", "creative_compare", "first_touch", "area_code")
    for view in views:
        found = [(r["account_id"], r["is_small_sample"]) for r in ask(tmp_path, view)]
        assert sorted(found) == [("1", True), ("2", False)]
