-- grain: one row per account, cloud profile and is_cellular
-- formula: connect_rate = connected calls / offered calls, with its 95 % Wilson interval; mean_talk_s of connected calls
-- source: stg_day_counts, params
-- caveat: where the report does not say whether the telephone is cellular, is_cellular is NULL and a row of its own

with days as (
    select * from stg_day_counts
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        is_cellular,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected,
        sum(talk_s) / nullif(sum(n_talks), 0) as mean_talk_s
    from days
    group by account_id, cloud_profile_id, is_cellular
),

rated as (
    select
        counted.*,
        n_connected / n_offered as connect_rate,
        wilson_low(n_connected, n_offered) as rate_low,
        wilson_high(n_connected, n_offered) as rate_high,
        n_offered < small_sample as is_small_sample
    from counted
    cross join params
)

select * from rated
