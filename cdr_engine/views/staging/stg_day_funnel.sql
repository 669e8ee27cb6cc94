-- grain: one row per account, local day, cloud profile and its name
-- formula: calls counted by how far they went
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
        max(started_at) as last_started_at,
        count(*) as n_offered,
        count(*) filter (
            is_attempt_1_shown or is_attempt_2_shown or n_dequeue_attempts > 0
        ) as n_tried,
        count(*) filter (is_attempt_1_shown) as n_tried_first,
        count(*) filter (is_attempt_1_answered) as n_answered_first,
        count(*) filter (is_attempt_2_shown) as n_tried_second,
        count(*) filter (is_attempt_2_answered) as n_answered_second,
        count(*) filter (
            n_dequeue_attempts
            > is_attempt_1_shown::integer + is_attempt_2_shown::integer
        ) as n_tried_unshown,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (
            is_connected
            and not is_attempt_1_answered
            and not is_attempt_2_answered
        ) as n_connected_unshown,
        count(*) filter (
            (is_attempt_1_shown or is_attempt_2_shown or n_dequeue_attempts > 0)
            and not is_connected
            and not is_abandoned
        ) as n_exhausted
    from calls
    group by account_id, day, cloud_profile_id, profile_name
)

select * from counted
