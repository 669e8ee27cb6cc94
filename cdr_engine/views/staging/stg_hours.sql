-- grain: one row per account and hour of local time, from the account's first call to its last
-- formula: expected_offered = calls per 15 minutes of the same weekday and hour, in the mean of all weeks, times the quarters of this hour; p_empty = exp(-expected_offered), the chance of no call at all (Poisson); is_gap = no call though p_empty < 0.001
-- source: stg_slots
-- caveat: the mean holds the empty hours too, so gaps that come every week hide themselves; the hour that autumn repeats is two rows

with slots as (
    select * from stg_slots
),

summed_profiles as (
    select
        account_id,
        slot_at,
        slot_local,
        sum(n_offered) as n_offered
    from slots
    where slot_at is not null
    group by account_id, slot_at, slot_local
),

summed_slots as (
    select
        account_id,
        slot_at - to_minutes(minute(slot_local)) as hour_at,
        date_trunc('hour', slot_local) as hour_local,
        count(*) as n_slots,
        sum(n_offered)::bigint as n_offered
    from summed_profiles
    group by account_id, hour_at, hour_local
),

expected as (
    select
        account_id,
        hour_at,
        hour_local,
        n_offered,
        n_slots * sum(n_offered) over weekday_hours
            / sum(n_slots) over weekday_hours as expected_offered
    from summed_slots
    window weekday_hours as (
        partition by account_id, isodow(hour_local), hour(hour_local)
    )
),

judged as (
    select
        *,
        exp(-expected_offered) as p_empty,
        n_offered = 0 and p_empty < 0.001 as is_gap
    from expected
)

select * from judged
