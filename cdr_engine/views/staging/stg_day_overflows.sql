-- grain: one row per account, local day, cloud profile, first and second destination, and per name of all three
-- formula: calls that went on to the second destination after the first did not answer
-- source: stg_call_attempts
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with calls as (
    select * from stg_call_attempts
),

counted as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        profile_name,
        attempt_1_id as first_destination_id,
        attempt_1_name as first_destination_name,
        attempt_2_id as second_destination_id,
        attempt_2_name as second_destination_name,
        max(started_at) as last_started_at,
        count(*) as n_overflowed,
        count(*) filter (is_attempt_2_answered) as n_rescued
    from calls
    where
        is_attempt_1_shown
        and not is_attempt_1_answered
        and is_attempt_2_shown
    group by
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        first_destination_id,
        first_destination_name,
        second_destination_id,
        second_destination_name
)

select * from counted
