"""
Rules of data quality: what share of the calls may be wrong in which way.

A rule is one row of `RULES`: what it reads, and two sums over it, `n_broken` and `n_checked`. What
counts as broken is defined by the views: `data_quality`, `daily_anomalies` and `stg_hours`, whose
gaps are `coverage_gaps`. A rule whose relations are not in the catalogue is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cdr_engine.views.query import query, relations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

__all__ = ["RULES", "Rule", "Verdict", "judge"]


class Rule(NamedTuple):
    """One promise about the calls."""

    name: str
    message: str
    """What it means when the share is exceeded, and where to look."""
    at_most: float
    """Largest share, 0 to 1, of what was checked that may be broken."""
    reads: tuple[str, ...]
    """Relations that it needs."""
    source: str
    """What stands behind FROM; rules with the same source are measured in one pass over it."""
    n_broken: str
    """SQL of an aggregate over the source."""
    n_checked: str
    """SQL of an aggregate over the source."""


class Verdict(msgspec.Struct, frozen=True):
    """What a rule found."""

    rule: str
    is_broken: bool
    n_broken: int
    n_checked: int
    share: float
    """n_broken / n_checked; 0 where there was nothing to check."""
    at_most: float
    message: str


REJECTED = """(
    select
        (select count(*) from rejects where "column" is null) as n_rejected,
        (select count(*) from calls) as n_calls
)"""

# A day without a call is odd where that weekday of that account has 20 calls at the median.
DAYS_OF_ACCOUNTS = """(
    select
        sum(n_offered) as n_offered,
        median(sum(n_offered)) over (partition by account_id, isodow(day)) as usual_offered
    from daily_anomalies
    group by account_id, day
)"""


def _calls(name: str, message: str, at_most: float, n_broken: str, n_checked: str) -> Rule:
    """A rule over sums of columns of data_quality."""
    columns = (f"sum({column})" for column in (n_broken, n_checked))
    return Rule(name, message, at_most, ("data_quality",), "data_quality", *columns)


RULES = (
    Rule(
        "no_calls",
        "there is no call at all: nothing could be checked",
        0.0,
        ("data_quality",),
        "data_quality",
        "(coalesce(sum(n_calls), 0) = 0)::integer",
        "1",
    ),
    _calls(
        "duplicates",
        "calls are there more than once: the service sent them twice, see `uii` and `account_id`",
        0.0,
        "n_duplicates",
        "n_calls",
    ),
    Rule(
        "rejected_records",
        "records were set aside: `cdr rejects` lists them with their reasons",
        0.001,
        ("calls", "rejects"),
        REJECTED,
        "sum(n_rejected)",
        "sum(n_calls + n_rejected)",
    ),
    _calls(
        "no_time",
        "calls without a readable enqueue_time are in no day: `cdr rejects` has their cells",
        0.001,
        "n_without_time",
        "n_calls",
    ),
    _calls(
        "clocks",
        "the clock in the uii disagrees with enqueue_time: was the report's time zone right?",
        0.05,
        "n_clocks_disagreeing",
        "n_with_two_clocks",
    ),
    _calls(
        "negative_durations",
        "a duration or count is below zero, or a call left the queue before it came",
        0.0,
        "n_negative_durations",
        "n_calls",
    ),
    _calls(
        "duration_identity",
        "inbound_duration is not queue_time + connected_duration, more than 2 s apart",
        0.01,
        "n_durations_off",
        "n_with_durations",
    ),
    _calls(
        "queue_times",
        "queue_time is over a minute from the time between enqueue_time and dequeue_time",
        0.01,
        "n_queue_times_off",
        "n_with_queue_times",
    ),
    _calls(
        "no_destination",
        "connected calls name no destination",
        0.01,
        "n_without_destination",
        "n_connected",
    ),
    _calls(
        "undercounted_attempts",
        "dequeue_attempts is less than the attempts that the report shows",
        0.01,
        "n_attempts_undercounted",
        "n_with_attempts",
    ),
    _calls(
        "unknown_results",
        "words of call_result that stg_call_results does not know, so rates leave them out",
        0.01,
        "n_results_unknown",
        "n_results",
    ),
    _calls(
        "unknown_dispositions",
        "words of attempt dispositions that stg_call_results does not know",
        0.01,
        "n_dispositions_unknown",
        "n_dispositions",
    ),
    Rule(
        "empty_hours",
        "hours without a call that are too empty to be true: `cdr query coverage_gaps` lists them",
        0.001,  # what chance alone explains
        ("stg_hours",),
        "stg_hours",
        "count(*) filter (is_gap)",
        "count(*)",
    ),
    Rule(
        "empty_days",
        "days without a call where that weekday has many: is a window missing upstream?",
        0.0,
        ("daily_anomalies",),
        DAYS_OF_ACCOUNTS,
        "count(*) filter (n_offered = 0 and usual_offered >= 20)",
        "count(*)",
    ),
    Rule(
        "odd_days",
        "days with far more or fewer calls than the same weekday has",
        0.05,
        ("daily_anomalies",),
        "daily_anomalies",
        "count(*) filter (is_anomaly)",
        "count(*) filter (is_judged)",
    ),
)
"""Every rule, the plainest first."""


def judge(con: DuckDBPyConnection, rules: Iterable[Rule] = RULES) -> list[Verdict]:
    """
    Measure an open dataset by rules.

    Raises
    ------
    ViewError
        DuckDB refuses a rule's SQL.
    """
    there = set(relations(con))
    judged = [rule for rule in rules if there.issuperset(rule.reads)]
    counts: dict[Rule, tuple[int, int]] = {}
    for source in dict.fromkeys(rule.source for rule in judged):
        counts |= _counted(con, source, [rule for rule in judged if rule.source == source])
    return [_verdict(rule, *counts[rule]) for rule in judged]


def _counted(
    con: DuckDBPyConnection, source: str, rules: list[Rule]
) -> dict[Rule, tuple[int, int]]:
    """Broken and checked of all rules over one source, in one pass."""
    sums = [part for rule in rules for part in (rule.n_broken, rule.n_checked)]
    cells = ", ".join(
        f"coalesce({sql}, 0)::bigint as n_{number}" for number, sql in enumerate(sums)
    )
    (row,) = query(con, f"select {cells} from {source}").read_all().to_pylist()  # noqa: S608  # ours
    found = list(row.values())
    return dict(zip(rules, zip(found[::2], found[1::2], strict=True), strict=True))


def _verdict(rule: Rule, n_broken: int, n_checked: int) -> Verdict:
    share = n_broken / n_checked if n_checked else 0.0
    return Verdict(
        rule=rule.name,
        is_broken=share > rule.at_most,
        n_broken=n_broken,
        n_checked=n_checked,
        share=share,
        at_most=rule.at_most,
        message=rule.message,
    )
