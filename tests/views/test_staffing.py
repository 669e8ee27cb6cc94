"""Staffing by Erlang C, against sums by the textbook in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import exp
from pathlib import Path

import pytest
from calls_given import ask, at, call, given

from cdr_engine.views import connect, query

START = at("2025-01-06 12:00")


def wait_rate(load: Fraction, agents: int) -> Fraction:
    """Erlang's C: a^n/n! n/(n-a) / (the sum of a^k/k! below n, and that)."""
    term, total = Fraction(1), Fraction(0)
    for k in range(agents):
        total += term
        term = term * load / (k + 1)
    last = term * agents / (agents - load)
    return last / (total + last)


def agents(load: Fraction, talk_s: float, target: float, within_s: int = 20) -> int:
    """The smallest number of agents that answers so many in time, tried one by one."""
    n = int(load) + 1
    while True:
        late = float(wait_rate(load, n)) * exp(-float(n - load) * within_s / talk_s)
        if 1 - late >= target:
            return n
        n += 1


@pytest.mark.parametrize(
    ("calls", "talk_s"), [(1, 1), (3, 60), (20, 180), (60, 300), (200, 275), (500, 900)]
)
def test_agents(tmp_path: Path, calls: int, talk_s: int) -> None:
    """From a call in half an hour to 250 erlangs, agents are those of the textbook."""
    given(
        tmp_path, *(call(f"{START}", uii=str(n), connected_duration=talk_s) for n in range(calls))
    )

    (row,) = ask(tmp_path, "staffing_erlang_c")

    load = Fraction(calls * talk_s, 1800)
    assert float(load) == pytest.approx(row["erlangs"])
    assert agents(load, talk_s, 0.8) == row["n_agents_80"]
    assert agents(load, talk_s, 0.9) == row["n_agents_90"]


def test_a_load_of_thousands(tmp_path: Path) -> None:
    """A load at which factorials overflow is staffed a little above itself."""
    dataset = given(tmp_path, call(connected_duration=2_000_000))

    (row,) = query(connect(dataset), "staffing_erlang_c").read_all().to_pylist()

    assert row["erlangs"] == pytest.approx(1111.1, abs=0.1)
    assert row["erlangs"] < row["n_agents_80"] <= row["n_agents_90"] < row["erlangs"] * 1.1


def test_days_without_calls(tmp_path: Path) -> None:
    """Calls of a half hour are a mean over the weekdays on which the account had calls."""
    given(
        tmp_path,
        call("2025-01-06 12:00", connected_duration=60),
        call("2025-01-06 12:20", connected_duration=60),
        call("2025-01-13 18:00", connected_duration=60),
    )

    rows = ask(tmp_path, "from staffing_erlang_c order by half_hour")

    assert [(2, 1.0), (2, 0.5)] == [(row["n_days"], row["mean_calls"]) for row in rows]


def test_nobody_answered(tmp_path: Path) -> None:
    """Without any talk there is no load to staff for."""
    given(tmp_path, call(result="ABANDON"))

    (row,) = ask(tmp_path, "staffing_erlang_c")

    assert (1, None, None, None) == tuple(
        row[name] for name in ("n_offered", "erlangs", "n_agents_80", "n_agents_90")
    )
