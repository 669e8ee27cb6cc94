-- grain: one row per account, local day and cloud profile
-- formula: mean_answer_s = mean wait of connected calls; service_level_rate = calls that meet the service level / calls that it counts, with its 95 % Wilson interval
-- source: stg_day_waits
-- caveat: waits of answered calls only; who gave up is in abandonment. Five formulas of service level are in use: service_level has them all, this is the one of cdr.toml

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
        coalesce(sum(waits.n_calls) filter (is_connected), 0)::bigint
            as n_connected,
        coalesce(sum(waits.n_calls) filter (is_service_level_met), 0)::bigint
            as n_service_level_met,
        coalesce(
            sum(waits.n_calls) filter (is_service_level_counted), 0
        )::bigint as n_service_level
    from waits
    group by account_id, day, cloud_profile_id, queue_s
),

ranked as (
    select
        *,
        sum(n_connected) filter (queue_s is not null) over shorter as n_up_to,
        sum(n_connected) filter (queue_s is not null) over days as n_waited
    from summed
    window
        days as (partition by account_id, day, cloud_profile_id),
        shorter as (
            partition by account_id, day, cloud_profile_id
            order by queue_s
        )
),

measured as (
    select
        account_id,
        day,
        cloud_profile_id,
        sum(n_calls)::bigint as n_offered,
        sum(ranked.n_connected)::bigint as n_connected,
        sum(n_service_level_met)::bigint as n_service_level_met,
        sum(n_service_level)::bigint as n_service_level,
        sum(queue_s * ranked.n_connected) / nullif(any_value(n_waited), 0)
            as mean_answer_s,
        quantile_of_counts(
            queue_s, ranked.n_connected > 0, n_up_to, n_waited, 0.5
        ) as p50_answer_s,
        quantile_of_counts(
            queue_s, ranked.n_connected > 0, n_up_to, n_waited, 0.9
        ) as p90_answer_s,
        quantile_of_counts(
            queue_s, ranked.n_connected > 0, n_up_to, n_waited, 0.95
        ) as p95_answer_s,
        max(queue_s) filter (ranked.n_connected > 0) as longest_answer_s,
        sum(queue_s * n_calls)
        / nullif(sum(n_calls) filter (queue_s is not null), 0) as mean_wait_s
    from ranked
    group by account_id, day, cloud_profile_id
),

rated as (
    select
        measured.account_id,
        measured.day,
        measured.cloud_profile_id,
        names.profile_name,
        n_offered,
        n_connected,
        mean_answer_s,
        p50_answer_s,
        p90_answer_s,
        p95_answer_s,
        longest_answer_s,
        mean_wait_s,
        n_service_level_met,
        n_service_level,
        n_service_level_met / nullif(n_service_level, 0) as service_level_rate,
        wilson_low(n_service_level_met, n_service_level) as rate_low,
        wilson_high(n_service_level_met, n_service_level) as rate_high
    from measured
    inner join names
        on measured.account_id is not distinct from names.account_id
        and measured.day is not distinct from names.day
        and measured.cloud_profile_id
            is not distinct from names.cloud_profile_id
)

select * from rated
