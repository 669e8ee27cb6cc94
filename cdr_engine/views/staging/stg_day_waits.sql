-- grain: one row per account, local day, cloud profile, its name, seconds waited and what became of the call
-- formula: calls counted; the median of a wait is found among rows by their n_calls
-- source: stg_calls
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with calls as (
    select * from stg_calls
),

counted as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        profile_name,
        queue_s,
        is_connected,
        is_abandoned,
        is_short_abandon,
        is_service_level_met,
        is_service_level_counted,
        max(started_at) as last_started_at,
        count(*) as n_calls
    from calls
    group by
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        queue_s,
        is_connected,
        is_abandoned,
        is_short_abandon,
        is_service_level_met,
        is_service_level_counted
)

select * from counted
