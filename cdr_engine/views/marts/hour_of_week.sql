-- grain: one row per account, cloud profile, ISO weekday and local hour
-- formula: mean and median of the calls of that hour over all weeks, hours without a call counted as 0; connect_rate = connected / offered, with its 95 % Wilson interval
-- source: stg_slots
-- caveat: holidays pull the mean, so read the median beside it; from the account's first call to its last

with slots as (
    select * from stg_slots
),

-- The hour that autumn repeats is two hours, each of its own.
hours as (
    select
        account_id,
        cloud_profile_id,
        slot_at - to_minutes(minute(slot_local)) as hour_at,
        min(slot_local) as hour_local,
        any_value(profile_name) as profile_name,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected
    from slots
    where slot_at is not null
    group by account_id, cloud_profile_id, hour_at
),

averaged as (
    select
        account_id,
        cloud_profile_id,
        any_value(profile_name) as profile_name,
        isodow(hour_local) as iso_weekday,
        hour(hour_local) as hour_of_day,
        count(*) as n_hours,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected,
        avg(n_offered) as mean_calls,
        median(n_offered) as median_calls
    from hours
    group by account_id, cloud_profile_id, iso_weekday, hour_of_day
),

rated as (
    select
        *,
        n_connected / nullif(n_offered, 0) as connect_rate,
        wilson_low(n_connected, n_offered) as rate_low,
        wilson_high(n_connected, n_offered) as rate_high
    from averaged
)

select * from rated
