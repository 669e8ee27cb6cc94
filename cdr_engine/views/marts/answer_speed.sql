-- grain: one row per account, local day and cloud profile
-- formula: mean_answer_s = mean wait of connected calls; service_level_rate = calls that meet the service level / calls that it counts, with its 95 % Wilson interval
-- source: stg_calls
-- caveat: waits of answered calls only; who gave up is in abandonment. Five formulas of service level are in use: service_level has them all, this is the one of cdr.toml

with calls as (
    select * from stg_calls
),

measured as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        latest_name(profile_name, started_at) as profile_name,
        count(*) as n_offered,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_service_level_met) as n_service_level_met,
        count(*) filter (is_service_level_counted) as n_service_level,
        avg(queue_s) filter (is_connected) as mean_answer_s,
        quantile_cont(queue_s, [0.5, 0.9, 0.95])
            filter (is_connected) as answer_quantiles,
        max(queue_s) filter (is_connected) as longest_answer_s,
        avg(queue_s) as mean_wait_s
    from calls
    group by account_id, day, cloud_profile_id
),

rated as (
    select
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        n_offered,
        n_connected,
        mean_answer_s,
        answer_quantiles[1] as p50_answer_s,
        answer_quantiles[2] as p90_answer_s,
        answer_quantiles[3] as p95_answer_s,
        longest_answer_s,
        mean_wait_s,
        n_service_level_met,
        n_service_level,
        n_service_level_met / nullif(n_service_level, 0) as service_level_rate,
        wilson_low(n_service_level_met, n_service_level) as rate_low,
        wilson_high(n_service_level_met, n_service_level) as rate_high
    from measured
)

select * from rated
