-- grain: one row per account, local day, cloud profile, attempt number, destination and disposition word, and per name of profile and destination
-- formula: attempts counted, and their seconds of ringing summed
-- source: stg_attempts
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with attempts as (
    select * from stg_attempts
),

counted as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        profile_name,
        attempt_number,
        destination_id,
        destination_name,
        disposition_word,
        is_answered,
        is_line_reached,
        max(started_at) as last_started_at,
        count(*) as n_attempts,
        count(ring_s) as n_rings,
        coalesce(sum(ring_s), 0)::bigint as ring_s
    from attempts
    group by
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        attempt_number,
        destination_id,
        destination_name,
        disposition_word,
        is_answered,
        is_line_reached
)

select * from counted
