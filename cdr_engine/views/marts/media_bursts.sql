-- grain: one row per account, DNIS and 5 minutes with a call
-- formula: baseline_calls = mean calls of the 22 slots that begin 120 to 15 minutes before, empty ones as 0; z = (n_calls - baseline_calls) / square root of baseline_calls, of 0.25 at least; is_burst = burst_calls or more and z burst_z or more
-- source: stg_calls, params
-- caveat: infers when an advertisement was aired; a log of spots knows. In the account's first two hours there is no baseline and no burst; hours that are not in the dataset count as silence; calls without any time are left out

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

-- Slots are numbered: numbers are the same whatever the zone of the session.
counted as (
    select
        account_id,
        dnis,
        epoch_ms(started_at) // 300000 as slot,
        count(*) as n_calls
    from calls
    where started_at is not null
    group by account_id, dnis, slot
),

-- A slot without a call has no row and adds nothing to the sum: a zero.
summed as (
    select
        *,
        min(slot) over (partition by account_id) as first_slot,
        coalesce(
            sum(n_calls) over (
                partition by account_id, dnis
                order by slot
                range between 24 preceding and 3 preceding
            ),
            0
        ) as n_before
    from counted
),

based as (
    select
        account_id,
        dnis,
        to_timestamp(slot * 300) as slot_at,
        n_calls,
        case when slot - 24 >= first_slot then n_before / 22 end
            as baseline_calls
    from summed
),

-- The deviation of a count is the root of its mean, and never so small that a
-- call or two would be a burst.
compared as (
    select
        *,
        (n_calls - baseline_calls)
        / case
            when baseline_calls is not null
                then sqrt(greatest(baseline_calls, 0.25))
        end as z
    from based
),

judged as (
    select
        compared.*,
        n_calls >= burst_calls and coalesce(z >= burst_z, false) as is_burst
    from compared
    cross join params
)

select * from judged
