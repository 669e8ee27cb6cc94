-- grain: one row per account, local day, cloud profile, its name, ISCI code, media version and media length
-- formula: calls of a creative counted
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
        media_isci,
        media_version,
        media_length,
        media_length_s,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from calls
    where media_isci is not null
    group by
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        media_isci,
        media_version,
        media_length,
        media_length_s
)

select * from counted
