"""
What becomes of a call: waiting, patience, attempts, talk.

Every draw is a uniform number turned into what is needed, one matrix for all calls at once, and
only `random` and `poisson` of numpy's generator are used: the two whose streams have stayed the
same over its versions. Laws follow Brown et al. (JASA 2005): talk is lognormal, patience and
waiting are close to exponential. A call is a line of time that starts when it enters the queue:

    wait | attempt 1 | attempt 2 | attempts the report does not show | talk

and patience is a point on it: where it comes before the answer, the caller is gone and the try
that was ringing is a CANCEL.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cdr_engine.simulator.arrivals import Floats, Ints, hour_rates
from cdr_engine.simulator.centre import AREA_CODES, ROUTES_EACH, Account

__all__ = ["CALL", "RESULTS", "RING_LIMIT_S", "STATES", "WORDS", "draw_callers", "draw_outcomes"]

Calls = NDArray[np.void]

CALL = np.dtype(
    [
        ("start", np.int64),       # epoch seconds
        ("serial", np.int64),      # unique among the calls of an account that share a second
        ("ani", np.int64),         # 10 digits; 0 blank, -1 anonymous
        ("number", np.int32),      # position of the number dialled
        ("external", np.int32),    # number of the external id, or -1
        ("greeting", np.int32),    # seconds between start and queue
        ("queue", np.int32),       # seconds
        ("talk", np.int32),        # seconds, or -1: never connected
        ("connected", np.int32),   # position of the destination, or -1
        ("line_1", np.int32),      # position of the line tried (destination x route), or -1
        ("disp_1", np.int32),      # word x RING_LIMIT_S + seconds, or -1
        ("line_2", np.int32),
        ("disp_2", np.int32),
        ("attempts", np.int8),     # as dequeue_attempts
        ("result", np.int8),       # position in RESULTS
        ("cellular", np.bool_),
        ("recorded", np.bool_),
    ],
    align=True,
)  # fmt: skip
"""One call, as numbers; texts are looked up in the account."""

RESULTS = ("CONNECTED", "ABANDON", "DEFLECTED", "NOANSWER", "BUSY", "CONGESTION")
STATES = ("COMPLETE", "ABANDON", "DEFLECTED", "COMPLETE", "COMPLETE", "COMPLETE")
"""call_state of each of RESULTS."""

RING_LIMIT_S = 64
"""No try rings as long as this many seconds."""

WORDS = ("ANSWER", "NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "INTERCEPT",
         "ANSWER-NOT-PERSON", "CANCEL")  # fmt: skip
_SHARES = np.cumsum((0.74, 0.14, 0.045, 0.03, 0.02, 0.015, 0.01))
_SHORTEST = np.array((2, 18, 1, 0, 0, 1, 8, 0))
_SPAN = np.array((12, 14, 3, 2, 1, 4, 14, 1))
_RESULT_OF_WORD = np.array((3, 3, 4, 5, 3, 3, 3, 3))
_ANSWER, _CANCEL = WORDS.index("ANSWER"), WORDS.index("CANCEL")

_WAIT_MEAN_S, _PATIENCE_MEAN_S = 40.0, 260.0
_TALK_MEDIAN_S, _TALK_SIGMA, _TALK_LIMIT_S = 150.0, 1.05, 3 * 3600
_QUEUE_LIMIT_S = 3600
_DEFLECTED_SHARE, _LAST_TRY_SHARE, _LAST_ANSWER_SHARE = 0.012, 0.6, 0.75
_RECORDED_SHARE, _EXTERNAL_SHARE, _CELLULAR_SHARE = 0.3, 0.02, 0.66
_BLANK_SHARE, _ANONYMOUS_SHARE = 0.008, 0.007


def draw_callers(random: np.random.Generator, count: int) -> Ints:
    """Draw the numbers that `count` callers call from: 10 digits, 0 blank, -1 anonymous."""
    uniform = random.random((3, count))
    areas = np.array(AREA_CODES)[(uniform[0] * len(AREA_CODES)).astype(np.int64)]
    ani = areas * 10_000_000 + 2_000_000 + (uniform[1] * 7_999_999).astype(np.int64)
    hidden = np.where(uniform[2] < _BLANK_SHARE, 0, -1)
    return np.where(uniform[2] < _BLANK_SHARE + _ANONYMOUS_SHARE, hidden, ani)


def draw_outcomes(
    random: np.random.Generator, account: Account, start: Ints, number: Ints, ani: Ints
) -> Calls:
    """Draw the rest of the calls that start at `start`; `serial` is left to the caller."""
    uniform = random.random((20, len(start)))
    calls = np.zeros(len(start), CALL)
    calls["start"], calls["number"], calls["ani"] = start, number, ani
    calls["greeting"] = uniform[0] * 3
    calls["cellular"] = (ani > 0) & (ani * 48_271 % 65_537 < 65_537 * _CELLULAR_SHARE)
    external = (uniform[2] * 1_000_000).astype(np.int64)
    calls["external"] = np.where(uniform[1] < _EXTERNAL_SHARE, external, -1)
    _route(calls, account, uniform[3:17])
    talk = _lognormal(uniform[17], uniform[18])
    calls["talk"] = np.where(calls["connected"] >= 0, talk, -1)
    calls["recorded"] = (calls["talk"] > 10) & (uniform[19] < _RECORDED_SHARE)
    return calls


def _lognormal(first: Floats, second: Floats) -> Floats:
    normal = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    talk: Floats = _TALK_MEDIAN_S * np.exp(_TALK_SIGMA * normal)
    return np.clip(talk, 1, _TALK_LIMIT_S)


def _exponential(uniform: Floats, mean: float) -> Ints:
    return (-mean * np.log1p(-uniform)).astype(np.int64)


def _try(word: Floats, seconds: Floats) -> tuple[Ints, Ints]:
    words = np.searchsorted(_SHARES[:-1], word, side="right")
    return words, _SHORTEST[words] + (seconds * _SPAN[words]).astype(np.int64)


def _route(calls: Calls, account: Account, uniform: Floats) -> None:
    pressure = hour_rates(calls["start"])
    wait = _exponential(uniform[0], _WAIT_MEAN_S) * (uniform[1] < 0.1 + 0.4 * pressure)
    patience = _exponential(uniform[2], _PATIENCE_MEAN_S)
    word_1, ring_1 = _try(uniform[3], uniform[4])
    word_2, ring_2 = _try(uniform[5], uniform[6])
    second = word_1 != _ANSWER
    last = second & (word_2 != _ANSWER) & (uniform[7] < _LAST_TRY_SHARE)
    end_1 = wait + ring_1
    end_2 = end_1 + ring_2 * second
    end = np.minimum(end_2 + last * (5 + (uniform[8] * 20).astype(np.int64)), _QUEUE_LIMIT_S)

    deflected = uniform[9] < _DEFLECTED_SHARE
    left = ~deflected & (patience < end)
    gone_at = np.where(left, patience, _QUEUE_LIMIT_S + 1)
    try_1 = ~deflected & (gone_at >= wait)
    try_2 = try_1 & second & (gone_at >= end_1)
    try_3 = try_2 & last & (gone_at >= end_2)
    calls["queue"] = np.where(deflected, 0, np.where(left, patience, end))
    calls["disp_1"] = _disposition(try_1, word_1, ring_1, gone_at - wait)
    calls["disp_2"] = _disposition(try_2, word_2, ring_2, gone_at - end_1)
    extra = try_1 & (uniform[10] < 0.35)
    calls["attempts"] = try_1 + try_2.astype(np.int8) + try_3 + extra

    ranks, variant = _ranks(account, calls["number"], uniform[13]), uniform[11]
    lines = ranks * ROUTES_EACH + (variant * ROUTES_EACH).astype(np.int64)
    calls["line_1"] = np.where(try_1, lines[0], -1)
    calls["line_2"] = np.where(try_2, lines[1], -1)
    answered = np.select(
        (~second, word_2 == _ANSWER, last & (uniform[12] < _LAST_ANSWER_SHARE)), ranks, -1
    )
    calls["connected"] = np.where(left | deflected, -1, answered)
    failed = _RESULT_OF_WORD[word_2]
    calls["result"] = np.select((calls["connected"] >= 0, left, deflected), (0, 1, 2), failed)


def _disposition(tried: NDArray[np.bool_], word: Ints, ring: Ints, gone: Ints) -> Ints:
    kept = np.where(gone < ring, _CANCEL * RING_LIMIT_S + gone, word * RING_LIMIT_S + ring)
    return np.where(tried, kept, -1)


def _ranks(account: Account, number: Ints, uniform: Floats) -> Ints:
    """Return the destinations each call would try first, second and last, as three rows."""
    ranked = np.array([account.profiles[n.profile].destinations for n in account.numbers])
    size = ranked.shape[1]
    first = (uniform**2 * size).astype(np.int64)
    return np.stack([ranked[number, (first + step) % size] for step in range(3)])
