-- grain: one row per account, local day and cloud profile
-- formula: abandon_rate = abandoned / offered; net_abandon_rate = (abandoned - short) / (offered - short); both with 95 % Wilson intervals
-- source: stg_day_waits
-- caveat: depends on the words of stg_call_results; the mean wait of abandoned calls understates patience

with waits as (
    select * from stg_day_waits
),

started as (
    select
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        max(last_started_at) as last_started_at
    from waits
    group by account_id, day, cloud_profile_id, profile_name
),

-- The latest of a few names is sooner found than of all waits.
names as (
    select
        account_id,
        day,
        cloud_profile_id,
        latest_name(profile_name, last_started_at) as profile_name
    from started
    group by account_id, day, cloud_profile_id
),

summed as (
    select
        account_id,
        day,
        cloud_profile_id,
        queue_s,
        sum(waits.n_calls)::bigint as n_calls,
        coalesce(sum(waits.n_calls) filter (is_abandoned), 0)::bigint
            as n_abandoned,
        coalesce(sum(waits.n_calls) filter (is_short_abandon), 0)::bigint
            as n_short_abandons
    from waits
    group by account_id, day, cloud_profile_id, queue_s
),

ranked as (
    select
        *,
        sum(n_abandoned) filter (queue_s is not null) over shorter as n_up_to,
        sum(n_abandoned) filter (queue_s is not null) over days as n_waited
    from summed
    window
        days as (partition by account_id, day, cloud_profile_id),
        shorter as (
            partition by account_id, day, cloud_profile_id
            order by queue_s
        )
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        sum(n_calls)::bigint as n_offered,
        sum(ranked.n_abandoned)::bigint as n_abandoned,
        sum(n_short_abandons)::bigint as n_short_abandons,
        sum(queue_s * ranked.n_abandoned) / nullif(any_value(n_waited), 0)
            as mean_abandon_s,
        quantile_of_counts(
            queue_s, ranked.n_abandoned > 0, n_up_to, n_waited, 0.5
        ) as median_abandon_s,
        max(queue_s) filter (ranked.n_abandoned > 0) as longest_abandon_s
    from ranked
    group by account_id, day, cloud_profile_id
),

netted as (
    select
        counted.account_id,
        counted.day,
        counted.cloud_profile_id,
        names.profile_name,
        n_offered,
        n_abandoned,
        n_short_abandons,
        mean_abandon_s,
        median_abandon_s,
        longest_abandon_s,
        n_offered - n_short_abandons as n_net_offered,
        n_abandoned - n_short_abandons as n_net_abandoned
    from counted
    inner join names
        on counted.account_id is not distinct from names.account_id
        and counted.day is not distinct from names.day
        and counted.cloud_profile_id
            is not distinct from names.cloud_profile_id
),

rated as (
    select
        *,
        n_abandoned / n_offered as abandon_rate,
        wilson_low(n_abandoned, n_offered) as rate_low,
        wilson_high(n_abandoned, n_offered) as rate_high,
        n_net_abandoned / nullif(n_net_offered, 0) as net_abandon_rate,
        wilson_low(n_net_abandoned, n_net_offered) as net_abandon_rate_low,
        wilson_high(n_net_abandoned, n_net_offered) as net_abandon_rate_high
    from netted
)

select * from rated
