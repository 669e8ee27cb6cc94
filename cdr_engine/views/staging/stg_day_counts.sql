-- grain: one row per account, local day, cloud profile, its name and is_cellular
-- formula: calls counted by what became of them
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
        is_cellular,
        max(started_at) as last_started_at,
        count(*) as n_offered,
        count(*) filter (is_connected) as n_connected,
        count(talk_s) filter (is_connected) as n_talks,
        coalesce(sum(talk_s) filter (is_connected), 0)::bigint as talk_s
    from calls
    group by account_id, day, cloud_profile_id, profile_name, is_cellular
)

select * from counted
