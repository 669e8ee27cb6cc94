"""
When phones ring: an inhomogeneous Poisson process with spots on top.

The rate is piecewise constant by hour of the day and day of the week in US Eastern, the standard
description of a call centre's arrivals (Brown et al., "Statistical Analysis of a Telephone Call
Center", JASA 2005, section 4). Numbers that are shown in an advertisement also ring in bursts:
each spot brings a Poisson number of calls whose delays follow a gamma density, a steep rise and a
tail of some minutes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cdr_engine.simulator.centre import Account
from cdr_engine.simulator.zones import DAY_S, EASTERN, local_seconds

__all__ = ["HOUR_RATES", "day_arrivals", "hour_rates"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HOURS = (0.7, 0.4, 0.3, 0.3, 0.4, 0.8, 1.8, 3.6, 6.4, 8.6, 9.4, 9.2,
          8.4, 8.5, 8.6, 8.2, 7.4, 6.0, 4.6, 3.6, 2.8, 2.2, 1.6, 1.1)  # fmt: skip
HOUR_RATES: Floats = np.array(_HOURS) / sum(_HOURS)
"""Share of a day's calls by hour of the day, US Eastern; sums to one."""

_WEEKDAYS = (1.29, 1.22, 1.17, 1.12, 1.06, 0.66, 0.48)
WEEKDAY_RATES: Floats = np.array(_WEEKDAYS) * 7 / sum(_WEEKDAYS)
"""Volume by day of the week, Monday first, relative to the mean day."""

SPOT_SHARE = 0.3
"""Part of the mean volume that spots cause."""

SPOTS_A_DAY = 4.0
"""Mean number of spots a day for each number with a media code."""

SPOT_DELAY_S = 75.0
"""Scale of the gamma density (shape 2) of the delay between spot and call, in seconds."""

PRIMARY_SHARE = 0.885
"""First calls per call wanted; callers who call again make the rest."""


def hour_rates(utc_s: Ints) -> Floats:
    """Return the rate at each instant, relative to the busiest hour of a day (0 to 1)."""
    hours = local_seconds(utc_s, EASTERN) % DAY_S // 3600
    return np.asarray(HOUR_RATES[hours] / HOUR_RATES.max())


def day_arrivals(
    random: np.random.Generator, account: Account, day: int, calls_per_day: float
) -> tuple[Ints, Ints]:
    """
    Draw the first calls that the UTC day `day` (days since 1970) causes, in no order.

    Returns the start of each in epoch seconds, and the position of the number dialled. A call
    that a late spot causes may start after the day has ended.
    """
    edges = day * DAY_S + 3600 * np.arange(25)
    local = local_seconds(edges[:-1], EASTERN)
    weekday = (local // DAY_S + 3) % 7  # 1970-01-01 was a Thursday
    rates = HOUR_RATES[local % DAY_S // 3600] * WEEKDAY_RATES[weekday]
    volume = calls_per_day * PRIMARY_SHARE
    steady = _steady(random, account, edges, rates * volume * (1 - SPOT_SHARE))
    spotted = _spotted(random, account, edges, rates * volume * SPOT_SHARE)
    return np.concatenate((steady[0], spotted[0])), np.concatenate((steady[1], spotted[1]))


def _draw_times(uniform: Floats, edges: Ints, means: Floats) -> Floats:
    cumulated = np.concatenate(([0.0], np.cumsum(means)))
    times: Floats = np.interp(uniform * cumulated[-1], cumulated, edges)
    return times


def _steady(
    random: np.random.Generator, account: Account, edges: Ints, means: Floats
) -> tuple[Ints, Ints]:
    uniform = random.random((2, random.poisson(means.sum())))
    weights = np.cumsum([number.weight for number in account.numbers])
    numbers = np.searchsorted(weights / weights[-1], uniform[1], side="right")
    return _draw_times(uniform[0], edges, means).astype(np.int64), numbers


def _spotted(
    random: np.random.Generator, account: Account, edges: Ints, means: Floats
) -> tuple[Ints, Ints]:
    shown = np.array([n for n, number in enumerate(account.numbers) if number.media], np.int64)
    if not len(shown):
        return shown, shown
    expected = SPOTS_A_DAY * len(shown)
    uniform = random.random((3, random.poisson(expected)))
    size = means.sum() / expected * -np.log1p(-uniform[2])
    calls = random.poisson(size)
    aired = np.repeat(_draw_times(uniform[0], edges, means), calls)
    numbers = np.repeat(shown[(uniform[1] * len(shown)).astype(np.int64)], calls)
    pair = random.random((2, len(aired)))
    delay = -SPOT_DELAY_S * np.log((1 - pair[0]) * (1 - pair[1]))
    return (aired + delay).astype(np.int64), numbers
