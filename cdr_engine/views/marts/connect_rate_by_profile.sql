-- grain: one row per account, local day and cloud profile
-- formula: connect_rate = connected calls / offered calls, with its 95 % Wilson interval
-- source: stg_day_counts
-- caveat: a profile's name may change: profile_name is the day's latest, the id is the key

with days as (
    select * from stg_day_counts
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected
    from days
    group by account_id, day, cloud_profile_id
),

rated as (
    select
        *,
        n_connected / n_offered as connect_rate,
        wilson_low(n_connected, n_offered) as rate_low,
        wilson_high(n_connected, n_offered) as rate_high
    from counted
)

select * from rated
