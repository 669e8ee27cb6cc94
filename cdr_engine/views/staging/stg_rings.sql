-- grain: one row per account, cloud profile, destination, attempt number, disposition word and seconds of ringing, and per name of profile and destination
-- formula: attempts counted; the median of ringing is found among rows by their n_attempts
-- source: stg_attempts
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with attempts as (
    select * from stg_attempts
),

counted as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        destination_id,
        destination_name,
        attempt_number,
        disposition_word,
        ring_s,
        max(started_at) as last_started_at,
        count(*) as n_attempts
    from attempts
    group by
        account_id,
        cloud_profile_id,
        profile_name,
        destination_id,
        destination_name,
        attempt_number,
        disposition_word,
        ring_s
)

select * from counted
