-- grain: one row per account, local day and cloud profile, from the account's first call to its last, days without a call too
-- formula: robust_z = (n_offered - median_offered) / deviation, over the last 8 of the same weekday; deviation = 1.4826 MAD, but at least a tenth and the root of the median; is_anomaly = |robust_z| > anomaly_z
-- source: stg_slots, params
-- caveat: is_judged from 4 such days on and where their median is not 0; the account's first and last day may be cut, so they neither judge nor are judged

with slots as (
    select * from stg_slots
),

params as (
    select * from main.params
),

summed_days as (
    select
        account_id,
        slot_local::date as day,
        cloud_profile_id,
        latest_name(profile_name, slot_at) as profile_name,
        sum(n_offered)::bigint as n_offered
    from slots
    where slot_at is not null
    group by account_id, day, cloud_profile_id
),

found_edges as (
    select
        *,
        day = min(day) over accounts
            or day = max(day) over accounts as is_edge_day
    from summed_days
    window accounts as (partition by account_id)
),

-- Few days make a MAD that is too small by chance: hence the floors below.
compared as (
    select
        *,
        count(*) filter (not is_edge_day) over weekdays as n_compared,
        median(n_offered) filter (not is_edge_day)
            over weekdays as median_offered,
        mad(n_offered) filter (not is_edge_day) over weekdays as mad_offered
    from found_edges
    window weekdays as (
        partition by account_id, cloud_profile_id, isodow(day)
        order by day
        rows between 8 preceding and 1 preceding
    )
),

deviated as (
    select
        *,
        nullif(
            greatest(
                1.4826 * mad_offered,
                median_offered / 10,
                sqrt(median_offered)
            ),
            0
        ) as deviation
    from compared
),

scored as (
    select
        *,
        (n_offered - median_offered) / deviation as robust_z,
        n_compared >= 4
            and not is_edge_day
            and deviation is not null as is_judged
    from deviated
),

judged as (
    select
        scored.*,
        is_judged and abs(robust_z) > anomaly_z as is_anomaly
    from scored
    cross join params
)

select * from judged
