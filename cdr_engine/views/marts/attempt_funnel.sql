-- grain: one row per account, local day and cloud profile
-- formula: calls by how far they went: offered, tried and answered at the first and the second destination shown; first_answer_rate and second_answer_rate = answered / tried, exhausted_rate = neither connected nor abandoned / tried, all with 95 % Wilson intervals
-- source: stg_call_attempts
-- caveat: the report shows two attempts at most: n_tried_unshown are calls whose dequeue_attempts says there were more, n_connected_unshown those that were connected, but by no attempt shown. A call is tried if an attempt is shown or counted

with calls as (
    select * from stg_call_attempts
),

counted as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        latest_name(profile_name, started_at) as profile_name,
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
    group by account_id, day, cloud_profile_id
),

rated as (
    select
        *,
        n_answered_first / nullif(n_tried_first, 0) as first_answer_rate,
        wilson_low(n_answered_first, n_tried_first) as first_answer_rate_low,
        wilson_high(n_answered_first, n_tried_first) as first_answer_rate_high,
        n_answered_second / nullif(n_tried_second, 0) as second_answer_rate,
        wilson_low(n_answered_second, n_tried_second)
            as second_answer_rate_low,
        wilson_high(n_answered_second, n_tried_second)
            as second_answer_rate_high,
        n_exhausted / nullif(n_tried, 0) as exhausted_rate,
        wilson_low(n_exhausted, n_tried) as exhausted_rate_low,
        wilson_high(n_exhausted, n_tried) as exhausted_rate_high
    from counted
)

select * from rated
