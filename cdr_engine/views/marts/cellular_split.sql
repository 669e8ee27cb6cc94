-- grain: one row per account, cloud profile and is_cellular
-- formula: connect_rate = connected calls / offered calls, with its 95 % Wilson interval; mean_talk_s of connected calls
-- source: stg_calls, params
-- caveat: where the report does not say whether the telephone is cellular, is_cellular is NULL and a row of its own

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        is_cellular,
        latest_name(profile_name, started_at) as profile_name,
        count(*) as n_offered,
        count(*) filter (is_connected) as n_connected,
        avg(talk_s) filter (is_connected) as mean_talk_s
    from calls
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
