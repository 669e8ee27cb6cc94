-- grain: one row per account, local day, cloud profile, its name, DNIS and media code
-- formula: calls of a number counted, and the first and last of them
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
        dnis,
        media_code,
        min(started_at) as first_started_at,
        max(started_at) as last_started_at,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_short_call) as n_short
    from calls
    group by
        account_id, day, cloud_profile_id, profile_name, dnis, media_code
)

select * from counted
