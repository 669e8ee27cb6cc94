from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from calls_given import at, call, given

from cdr_engine.views import RULES, Rule, connect, judge

GOOD: dict[str, Any] = {
    "queue_time": 5,
    "connected_duration": 60,
    "inbound_duration": 65,
    "connected_id": 7,
    "connected_name": "Desk",
    "attempt_1_disp": "ANSWER(5)",
    "attempt_1_id": 7,
    "dequeue_attempts": 1,
}
READ = " ".join(relation for rule in RULES for relation in rule.reads)
START = at("2025-01-06 12:00")


def days(counts: dict[int, int]) -> list[dict[str, Any]]:
    """So many good calls on days after a Monday."""
    starts = [
        START + timedelta(days=day, minutes=n)
        for day, count in counts.items()
        for n in range(count)
    ]
    # The uii's clock is five hours behind UTC in winter.
    return [
        call(
            f"{start}",
            uii=f"{start - timedelta(hours=5):%Y%m%d%H%M%S}{n:016}",
            dequeue_time=start,
            **GOOD,
        )
        for n, start in enumerate(starts)
    ]


def broken(dataset: Path) -> set[str]:
    """Rules that a dataset breaks."""
    return {verdict.rule for verdict in judge(connect(dataset, asked=READ)) if verdict.is_broken}


MONTH = dict.fromkeys(range(35), 25)


def test_good_calls_break_nothing(tmp_path: Path) -> None:
    """Five weeks of plain calls pass every rule, and every rule is measured."""
    verdicts = judge(connect(given(tmp_path, *days(MONTH))))

    assert [rule.name for rule in RULES] == [verdict.rule for verdict in verdicts]
    assert [] == [verdict for verdict in verdicts if verdict.is_broken or not verdict.n_checked]


CASES = {
    "duplicates": [call(uii="same"), call(uii="same")],
    "no_time": [call(None)],
    "clocks": [call(uii="20200101000000" + "1" * 16)] * 1,
    "negative_durations": [call(queue_time=-1, result="ABANDON")],
    "duration_identity": [call(**GOOD | {"inbound_duration": 70})],
    "no_destination": [call()],
    "queue_times": [call(queue_time=200, dequeue_time=at("2025-01-02 12:01"))],
    "undercounted_attempts": [call(**GOOD | {"dequeue_attempts": 0})],
    "unknown_results": [call(result="GLORP")],
    "unknown_dispositions": [call(**GOOD | {"attempt_1_disp": "GLORP(3)"})],
}


@pytest.mark.parametrize(("rule", "calls"), CASES.items(), ids=CASES)
def test_each_fault_breaks_its_rule(tmp_path: Path, rule: str, calls: list[dict[str, Any]]) -> None:
    """A fault is found by the rule of its name."""
    assert rule in broken(given(tmp_path, *calls))


def test_words_that_mean_other(tmp_path: Path) -> None:
    """Words that are known to mean nothing but other break no rule."""
    calls = call(result="CONGESTION (1)"), call(**GOOD | {"attempt_1_disp": "machine"})

    assert not {"unknown_results", "unknown_dispositions"} & broken(given(tmp_path, *calls))


def test_no_calls(tmp_path: Path) -> None:
    """A dataset without calls does not pass for a good one."""
    assert {"no_calls"} == broken(tmp_path)


def test_rejected_records(tmp_path: Path) -> None:
    """One record set aside beside one call is too many; rejected cells are not counted."""
    given(tmp_path, call(**GOOD), account="1")
    folder = tmp_path / "rejects/account_id=1"
    folder.mkdir(parents=True)
    for column, is_broken in (("queue_time", False), (None, True)):
        table = pa.table({"record": [1], "column": pa.array([column], pa.string())})
        pq.write_table(table, folder / "w.parquet")
        assert is_broken == ("rejected_records" in broken(tmp_path))


def test_empty_day(tmp_path: Path) -> None:
    """A day without a call is broken where that weekday has many, and not where it has few."""
    assert "empty_days" in broken(given(tmp_path / "a", *days(MONTH | {16: 0})))
    quiet = MONTH | {day: 0 for day in range(35) if day % 7 > 4}
    assert "empty_days" not in broken(given(tmp_path / "b", *days(quiet)))


def test_odd_day(tmp_path: Path) -> None:
    """Days with a tenth of their weekday's calls are odd, once they are more than one in twenty."""
    odd = dict.fromkeys((30, 32), 2)
    assert "odd_days" in broken(given(tmp_path, *days(MONTH | odd)))


def test_empty_hours(tmp_path: Path) -> None:
    """An hour of every day that has 25 calls is broken where one is empty, another is not."""
    dataset = given(tmp_path, *days(MONTH | {16: 0}))
    (verdict,) = (found for found in judge(connect(dataset)) if found.rule == "empty_hours")
    assert (1, True) == (verdict.n_broken, verdict.is_broken)


def test_rules_wait_for_their_views(tmp_path: Path) -> None:
    """A rule over a view that is not in the catalogue is left out, not an error."""
    rule = Rule("later", "", 0.0, ("view_of_tomorrow",), "view_of_tomorrow", "sum(n)", "sum(n)")

    assert [] == judge(connect(tmp_path), [rule])
