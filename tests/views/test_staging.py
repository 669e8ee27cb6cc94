from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from calls_given import ask, at, call, given, one

NEW_YORK = "America/New_York"
NO_ID = "0132110000003150"


@pytest.mark.parametrize(
    ("clock", "enqueue", "started", "is_from_uii"),
    [
        ("20250102070005", "2025-01-02 12:00", "2025-01-02 12:00:05", True),
        ("20250102070259", "2025-01-02 12:00", "2025-01-02 12:02:59", True),
        ("20250102070300", "2025-01-02 12:00", "2025-01-02 12:00:00", False),
        ("20250102065800", "2025-01-02 12:00", "2025-01-02 11:58:00", True),
        ("20250102065759", "2025-01-02 12:00", "2025-01-02 12:00:00", False),
        ("20250107070005", "2025-01-02 12:00", "2025-01-02 12:00:00", False),
        ("20250102070060", "2025-01-02 12:00", "2025-01-02 12:00:00", False),
        ("no clock at all", "2025-01-02 12:00", "2025-01-02 12:00:00", False),
        # 01:30 comes twice in New York on this day: at 05:30 and at 06:30 UTC
        ("20251102013020", "2025-11-02 05:30", "2025-11-02 05:30:20", True),
        ("20251102013020", "2025-11-02 06:30", "2025-11-02 06:30:20", True),
        ("20251102013020", "2025-11-02 06:00", "2025-11-02 06:00:00", False),
        # from one pass into the next
        ("20251102015950", "2025-11-02 06:00", "2025-11-02 05:59:50", True),
        ("20251102010010", "2025-11-02 05:59", "2025-11-02 06:00:10", True),
        ("20251102015950", "2025-11-02 07:01", "2025-11-02 06:59:50", True),
        # a wall time that agrees in figures and is an hour away
        ("20251102020010", "2025-11-02 05:59", "2025-11-02 05:59:00", False),
        # 02:30 does not come at all on this day: it is read as 03:30
        ("20250309023010", "2025-03-09 07:30", "2025-03-09 07:30:10", True),
        ("20250309030010", "2025-03-09 06:59", "2025-03-09 07:00:10", True),
    ],
)
def test_start_of_a_call(
    tmp_path: Path, clock: str, enqueue: str, started: str, *, is_from_uii: bool
) -> None:
    """The uii's clock counts where it agrees with enqueue_time within two minutes."""
    given(tmp_path, call(enqueue, uii=clock + NO_ID if clock.isdigit() else clock))
    columns = ("started_at", "is_clock_from_uii")
    assert one(tmp_path, "stg_calls", *columns) == (at(started), is_from_uii)


def test_short_uii(tmp_path: Path) -> None:
    """A uii of less than 14 digits has no clock, although a lenient reader would find one."""
    given(tmp_path, call("2025-01-02 12:00", uii="2025010207005"))
    assert one(tmp_path, "stg_calls", "is_clock_from_uii") is False


def test_started_local_follows_the_zone(tmp_path: Path) -> None:
    """Local time is that of the report zone, not that of the uii."""
    given(tmp_path, call("2025-07-01 12:00"))
    local = {zone: one(tmp_path, "stg_calls", "started_local", zone=zone)
             for zone in ("UTC", NEW_YORK, "Asia/Kolkata")}  # fmt: skip
    assert local == {
        "UTC": dt.datetime(2025, 7, 1, 12),  # noqa: DTZ001  # local time is naive
        NEW_YORK: dt.datetime(2025, 7, 1, 8),  # noqa: DTZ001
        "Asia/Kolkata": dt.datetime(2025, 7, 1, 17, 30),  # noqa: DTZ001
    }


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("CONNECTED", "connected"),
        (" connected ", "connected"),
        ("ANSWERED", "connected"),
        ("ABANDON", "abandoned"),
        ("Abandoned(12)", "abandoned"),
        ("DEFLECTED", "deflected"),
        ("ANSWER-NOT-PERSON", "other"),
        ("BUSY", "other"),
        ("WOMBAT", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_outcome_of_a_call(tmp_path: Path, result: str | None, outcome: str) -> None:
    """Known words map to an outcome in any case; all others are other, never NULL."""
    given(tmp_path, call(result=result))
    columns = ("call_outcome", "is_connected", "is_abandoned")
    expected = (outcome, outcome == "connected", outcome == "abandoned")
    assert one(tmp_path, "stg_calls", *columns) == expected


@pytest.mark.parametrize(
    ("wait", "result", "is_short"),
    [(4, "ABANDON", True), (5, "ABANDON", False), (None, "ABANDON", False), (4, "BUSY", False)],
)
def test_short_abandon(tmp_path: Path, wait: int | None, result: str, *, is_short: bool) -> None:
    """A short abandon is one of less than five seconds; without a wait it is not short."""
    given(tmp_path, call(result=result, queue_time=wait))
    assert one(tmp_path, "stg_calls", "is_short_abandon") is is_short


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("0", 0), (None, None), (":30", None), ("1.5", None), ("9" * 20, None)],
)
def test_media_length(tmp_path: Path, text: str | None, seconds: int | None) -> None:
    """A length that is digits is a number, any other text NULL; the text stays beside it."""
    given(tmp_path, call(media_length=text))
    assert one(tmp_path, "stg_calls", "media_length", "media_length_s") == (text, seconds)


def test_staging_keeps_every_call(tmp_path: Path) -> None:
    """One row per call in, one row per call out, repeated ones too."""
    given(tmp_path, call(), call(), call(None), dict.fromkeys(call()))
    assert len(ask(tmp_path, "stg_calls")) == 4


@pytest.mark.parametrize(
    ("disposition", "word", "ring"),
    [
        ("ANSWER(5)", "ANSWER", 5),
        (" noanswer ( 20 ) ", "NOANSWER", None),
        ("NO ANSWER (20)", "NO ANSWER", 20),
        ("BUSY", "BUSY", None),
        ("(7)", None, 7),
        ("MACHINE()", "MACHINE", None),
        ("INTERCEPT(99999999999)", "INTERCEPT", None),
        ("ANSWER-NOT-PERSON(3)", "ANSWER-NOT-PERSON", 3),
    ],
)
def test_disposition(tmp_path: Path, disposition: str, word: str, ring: int | None) -> None:
    """A disposition is a word and, in parentheses, seconds; the raw text stays."""
    given(tmp_path, call(attempt_1_disp=disposition))
    columns = ("disposition", "disposition_word", "ring_s")
    assert one(tmp_path, "stg_attempts", *columns) == (disposition, word, ring)


def test_visible_attempts(tmp_path: Path) -> None:
    """An attempt is there as soon as one of its columns is; the second may stand alone."""
    given(
        tmp_path,
        call(),
        call(attempt_1_id=1, attempt_2_route="555"),
        call(attempt_1_name="Desk"),
        call(attempt_2_disp="BUSY"),
    )
    rows = ask(tmp_path, "from stg_attempts")
    assert sorted(row["attempt_number"] for row in rows) == [1, 1, 2, 2]
