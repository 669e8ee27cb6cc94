"""
Rules of data quality: what share of the calls may be wrong in which way.

A rule is one row of `RULES`. Its SQL gives one row of two counts, `n_broken` and `n_checked`, over
views, staging or the base relations; a rule whose relations are not in the catalogue is left out.
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
    """Relations of the SQL."""
    sql: str


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


NO_CALLS = """
select (count(*) = 0)::integer as n_broken, 1 as n_checked from calls
"""

DUPLICATES = """
select
    coalesce(sum(n_calls - 1), 0)::bigint as n_broken,
    coalesce(sum(n_calls), 0)::bigint as n_checked
from (
    select count(*) as n_calls
    from calls
    group by account_id, uii, cloud_profile_id, enqueue_time
)
"""

# The vendor's sample has inbound = queue + connected in all of its rows; 2 s are left for rounding.
DURATIONS = """
select
    count(*) filter (abs(inbound_s - queue_s - talk_s) > 2) as n_broken,
    count(*) as n_checked
from stg_calls
where is_connected and inbound_s is not null and queue_s is not null and talk_s is not null
"""

NEGATIVE = """
select
    count(*) filter (
        least(queue_s, talk_s, inbound_s, n_dequeue_attempts) < 0 or dequeued_at < enqueued_at
    ) as n_broken,
    count(*) as n_checked
from stg_calls
"""

NO_TIME = """
select count(*) filter (started_at is null) as n_broken, count(*) as n_checked from stg_calls
"""

# Clocks of calls from before and after: the uii of a call says another time than enqueue_time.
CLOCKS = """
select count(*) filter (not is_clock_from_uii) as n_broken, count(*) as n_checked
from stg_calls
where uii_clock(uii) is not null and enqueued_at is not null
"""

NO_DESTINATION = """
select
    count(*) filter (connected_id is null and connected_name is null) as n_broken,
    count(*) as n_checked
from stg_calls
where is_connected
"""

UNKNOWN_RESULTS = """
select
    count(*) filter (word is null) as n_broken,
    count(*) as n_checked
from stg_calls
left join stg_call_results on call_result_word = word
where call_result_word is not null
"""

UNKNOWN_DISPOSITIONS = """
select
    count(*) filter (word is null) as n_broken,
    count(*) as n_checked
from stg_attempts
left join stg_call_results on disposition_word = word
where disposition_word is not null
"""

REJECTED = """
select n_broken, n_calls + n_broken as n_checked
from (select count(*) as n_broken from rejects where "column" is null)
cross join (select count(*) as n_calls from calls)
"""

# A day without a call is odd where that weekday of that account has 20 calls at the median.
EMPTY_DAYS = """
with counted as (
    select account_id, started_local::date as day, count(*) as n_calls
    from stg_calls
    where started_at is not null
    group by account_id, day
),

spans as (
    select account_id, unnest(generate_series(min(day), max(day), interval 1 day))::date as day
    from counted
    group by account_id
),

filled as (
    select spans.account_id, spans.day, coalesce(n_calls, 0) as n_calls
    from spans
    left join counted
        on spans.account_id is not distinct from counted.account_id and spans.day = counted.day
),

usual as (
    select
        n_calls,
        median(n_calls) over (partition by account_id, isodow(day)) as usual_calls
    from filled
)

select count(*) filter (n_calls = 0 and usual_calls >= 20) as n_broken, count(*) as n_checked
from usual
"""

# Robust z of a day against the same weekdays of the same account: (x - median) / (1.4826 MAD), as
# in Iglewicz and Hoaglin (1993), who call 3.5 an outlier. Few days make a MAD that is too small by
# chance, so one deviation is 10 % at least. The first and the last day may be cut.
ODD_DAYS = """
with counted as (
    select account_id, started_local::date as day, count(*) as n_calls
    from stg_calls
    where started_at is not null
    group by account_id, day
),

whole as (
    select
        *,
        day > min(day) over accounts and day < max(day) over accounts as is_whole
    from counted
    window accounts as (partition by account_id)
),

compared as (
    select
        n_calls,
        median(n_calls) over weekdays as usual_calls,
        mad(n_calls) over weekdays as deviation,
        count(*) over weekdays as n_days
    from whole
    where is_whole
    window weekdays as (partition by account_id, isodow(day))
)

select
    count(*) filter (
        abs(n_calls - usual_calls)
            > 3.5 * greatest(1.4826 * deviation, sqrt(usual_calls), usual_calls / 10)
    ) as n_broken,
    count(*) as n_checked
from compared
where n_days >= 4
"""

RULES = (
    Rule(
        "no_calls", "there is no call at all: nothing could be checked", 0.0, ("calls",), NO_CALLS
    ),
    Rule(
        "duplicates",
        "calls are there more than once: the service sent them twice, see `uii` and `account_id`",
        0.0,
        ("calls",),
        DUPLICATES,
    ),
    Rule(
        "rejected_records",
        "records were set aside: `cdr rejects` lists them with their reasons",
        0.001,
        ("calls", "rejects"),
        REJECTED,
    ),
    Rule(
        "no_time",
        "calls without a readable enqueue_time are in no day: `cdr rejects` has their cells",
        0.001,
        ("stg_calls",),
        NO_TIME,
    ),
    Rule(
        "clocks",
        "the clock in the uii disagrees with enqueue_time: was the report's time zone right?",
        0.05,
        ("stg_calls",),
        CLOCKS,
    ),
    Rule(
        "negative_durations",
        "a duration or count is below zero, or a call left the queue before it came",
        0.0,
        ("stg_calls",),
        NEGATIVE,
    ),
    Rule(
        "duration_identity",
        "inbound_duration is not queue_time + connected_duration, more than 2 s apart",
        0.01,
        ("stg_calls",),
        DURATIONS,
    ),
    Rule(
        "no_destination",
        "connected calls name no destination",
        0.01,
        ("stg_calls",),
        NO_DESTINATION,
    ),
    Rule(
        "unknown_results",
        "words of call_result that stg_call_results does not know, so rates leave them out",
        0.01,
        ("stg_calls", "stg_call_results"),
        UNKNOWN_RESULTS,
    ),
    Rule(
        "unknown_dispositions",
        "words of attempt dispositions that stg_call_results does not know",
        0.01,
        ("stg_attempts", "stg_call_results"),
        UNKNOWN_DISPOSITIONS,
    ),
    Rule(
        "empty_days",
        "days without a call where that weekday has many: is a window missing upstream?",
        0.0,
        ("stg_calls",),
        EMPTY_DAYS,
    ),
    Rule(
        "odd_days",
        "days with far more or fewer calls than the same weekday has",
        0.05,
        ("stg_calls",),
        ODD_DAYS,
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
    return [_verdict(con, rule) for rule in rules if there.issuperset(rule.reads)]


def _verdict(con: DuckDBPyConnection, rule: Rule) -> Verdict:
    (row,) = query(con, rule.sql).read_all().to_pylist()
    n_broken, n_checked = row["n_broken"], row["n_checked"]
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
