"""
The history of the synthetic contact centre: every call, at any time, for ever.

A UTC day of an account is drawn from a seed made of (seed, account, day) and from nothing else,
so that any part of the history can be made at any time, in any order, and comes out the same. What
the first calls of a day cause (the tail of a spot, a caller who calls again) may start after
midnight: it is drawn with the day that causes it, and the calls *of* a day are its own plus what
the day before left over. Nothing reaches further than one day.

Calls are held as one numpy array of records (`CALL`). The truth handed to tests and the CSV that
the server sends are both made from it, by code that has nothing else in common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import numpy as np

from cdr_engine.simulator.arrivals import Ints, day_arrivals
from cdr_engine.simulator.bounded import Bounded
from cdr_engine.simulator.centre import Account, build_account
from cdr_engine.simulator.outcomes import CALL, RESULTS, Calls, draw_callers, draw_outcomes
from cdr_engine.simulator.records import truth_records
from cdr_engine.simulator.zones import DAY_S, epoch_seconds

__all__ = ["ACCOUNT_IDS", "CALLS_PER_DAY", "History"]

ACCOUNT_IDS = ("13670001", "15300001")
"""The accounts of the vendor's published request."""

CALLS_PER_DAY = 3_333.0
"""Mean calls of one account on one day: two accounts make 200,000 calls in 30 days."""

CACHE_BYTES = 128 * 2**20
"""Memory for days already drawn."""

_AGAIN_AFTER_ABANDON, _AGAIN_AFTER_TALK = 0.4, 0.06
_AGAIN_MEAN_S = (400.0, 5000.0)
_SERIALS_A_DAY = 10**9

_OPAQUE = np.dtype((np.void, CALL.itemsize))
"""A call without fields: numpy copies these ten times as fast."""


class History:
    """
    A reproducible history of calls.

    Parameters
    ----------
    seed
        Any integer. The same seed gives the same accounts and calls on every machine.
    calls_per_day
        Mean calls of one account on one day.
    account_ids
        Ids of the accounts; at most 99.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        calls_per_day: float = CALLS_PER_DAY,
        account_ids: tuple[str, ...] = ACCOUNT_IDS,
    ) -> None:
        if not 0 < calls_per_day < _SERIALS_A_DAY / 100:
            message = f"calls_per_day must be positive and below ten million, not {calls_per_day}"
            raise ValueError(message)
        if not 0 < len(set(account_ids)) == len(account_ids) <= 99:
            message = "account_ids must be 1 to 99 different ids"
            raise ValueError(message)
        self.seed = seed
        self.calls_per_day = calls_per_day
        self.accounts: tuple[Account, ...] = tuple(
            build_account(seed, index, account_id) for index, account_id in enumerate(account_ids)
        )
        self._by_id = {account.account_id: account for account in self.accounts}
        self._caused: Bounded[tuple[str, int], Calls] = Bounded(CACHE_BYTES // 2, _weight)
        self._days: Bounded[tuple[str, int], Calls] = Bounded(CACHE_BYTES // 2, _weight)

    def account(self, account_id: str) -> Account:
        """Return an account; KeyError when there is none of that id."""
        return self._by_id[account_id]

    def day(self, account_id: str, day: int) -> Calls:
        """Return the calls that start on a UTC day (days since 1970), by start and serial."""
        return self._days.get((account_id, day), lambda: self._merge_day(account_id, day))

    def slices(self, account_id: str, first_s: int, last_s: int) -> Iterator[tuple[int, slice]]:
        """Yield each UTC day that the seconds `first_s` to `last_s` touch, and its calls' range."""
        for day in range(first_s // DAY_S, last_s // DAY_S + 1):
            start = self.day(account_id, day)["start"]
            low, high = np.searchsorted(start, (first_s, last_s + 1))
            yield day, slice(int(low), int(high))

    def calls(
        self,
        account_id: str,
        start_utc: datetime,
        end_utc: datetime,
        profile_ids: Collection[int] | None = None,
        destination_ids: Collection[int] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Return the truth: the calls with `start_utc <= start < end_utc`, by start, one dict a call.

        Parameters
        ----------
        account_id
            One of the accounts; KeyError when there is none of that id.
        start_utc, end_utc
            Aware datetimes.
        profile_ids
            Keep calls of these profiles only.
        destination_ids
            Keep calls that tried or reached one of these destinations only.

        Returns
        -------
        list of dict
            The 34 columns under their wire names plus `account_id` and `start` (aware, to the
            second). Integers are int, `enqueue_time` and `dequeue_time` aware UTC datetimes to
            the minute as the report prints them, `is_cellular` bool, texts without padding and
            the uii without its apostrophe; an empty cell is None.
        """
        account = self.account(account_id)
        found: list[dict[str, Any]] = []
        for day, part in self.slices(
            account_id, epoch_seconds(start_utc), epoch_seconds(end_utc) - 1
        ):
            calls = self.day(account_id, day)[part]
            kept = calls[selected(account, calls, profile_ids, destination_ids)]
            found.extend(truth_records(account, kept))
        return found

    def _merge_day(self, account_id: str, day: int) -> Calls:
        calls = _joined(self._day_causes(account_id, day - 1), self._day_causes(account_id, day))
        own = np.flatnonzero(calls["start"] // DAY_S == day)
        order: Ints = np.lexsort((calls["serial"][own], calls["start"][own]))
        return _taken(calls, own[order])

    def _day_causes(self, account_id: str, day: int) -> Calls:
        return self._caused.get((account_id, day), lambda: self._draw_day(account_id, day))

    def _draw_day(self, account_id: str, day: int) -> Calls:
        account = self.account(account_id)
        key = f"{self.seed}/{account_id}/{day}".encode()
        random = np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:16]))
        start, number = day_arrivals(random, account, day, self.calls_per_day)
        first = draw_outcomes(random, account, start, number, draw_callers(random, len(start)))
        again = _call_again(random, account, first)
        calls = _joined(first, again[again["start"] < (day + 2) * DAY_S])
        parity = day % 2 * _SERIALS_A_DAY
        calls["serial"] = (account.index * 10 * _SERIALS_A_DAY) + parity + np.arange(len(calls))
        return calls


def _call_again(random: np.random.Generator, account: Account, first: Calls) -> Calls:
    uniform = random.random((2, len(first)))
    abandoned = first["result"] == RESULTS.index("ABANDON")
    share = np.where(abandoned, _AGAIN_AFTER_ABANDON, _AGAIN_AFTER_TALK)
    chosen = (uniform[0] < share) & (first["ani"] > 0)
    callers = _taken(first, np.flatnonzero(chosen))
    mean = np.where(abandoned, *_AGAIN_MEAN_S)[chosen]
    pause = 20 + (-mean * np.log1p(-uniform[1][chosen])).astype(np.int64)
    ended = callers["start"] + callers["queue"] + np.maximum(callers["talk"], 0)
    return draw_outcomes(random, account, ended + pause, callers["number"], callers["ani"])


def selected(
    account: Account,
    calls: Calls,
    profile_ids: Collection[int] | None,
    destination_ids: Collection[int] | None,
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which calls belong to the profiles, and tried or reached the destinations."""
    kept = np.ones(len(calls), np.bool_)
    if profile_ids is not None:
        wanted = [account.profiles[n.profile].profile_id in profile_ids for n in account.numbers]
        kept &= np.array(wanted)[calls["number"]]
    if destination_ids is not None:
        found = [d.destination_id in destination_ids for d in account.destinations]
        reached = np.array([*found, False])
        lines = np.array([*np.repeat(found, len(account.destinations[0].routes)), False])
        kept &= reached[calls["connected"]] | lines[calls["line_1"]] | lines[calls["line_2"]]
    return kept


def _joined(first: Calls, second: Calls) -> Calls:
    return np.concatenate((first.view(_OPAQUE), second.view(_OPAQUE))).view(CALL)


def _taken(calls: Calls, positions: Ints) -> Calls:
    return np.take(calls.view(_OPAQUE), positions).view(CALL)


def _weight(calls: Calls) -> int:
    return calls.nbytes
