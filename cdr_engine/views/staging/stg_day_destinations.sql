-- grain: one row per account, local day, cloud profile and destination that calls were connected to, and per name of both
-- formula: connected calls counted, and their seconds of talk summed
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
        connected_id as destination_id,
        connected_name as destination_name,
        max(started_at) as last_started_at,
        count(*) as n_calls,
        coalesce(sum(talk_s), 0)::bigint as talk_s
    from calls
    where is_connected
    group by
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        destination_id,
        destination_name
)

select * from counted
