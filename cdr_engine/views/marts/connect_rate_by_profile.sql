-- grain: one row per account, local day and cloud profile
-- formula: connect_rate = connected calls / offered calls, with its 95 % Wilson interval
-- source: stg_calls
-- caveat: a profile's name may change: profile_name is the day's latest, the id is the key

with calls as (
    select * from stg_calls
),

-- By name first: the latest of a few names is sooner found than of all calls.
counted_by_name as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        profile_name,
        max(started_at) as last_started_at,
        count(*) as n_offered,
        count(*) filter (is_connected) as n_connected
    from calls
    group by account_id, day, cloud_profile_id, profile_name
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected
    from counted_by_name
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
