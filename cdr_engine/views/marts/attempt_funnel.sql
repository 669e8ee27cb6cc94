-- grain: one row per account, local day and cloud profile
-- formula: calls by how far they went: offered, tried and answered at the first and the second destination shown; first_answer_rate and second_answer_rate = answered / tried, exhausted_rate = neither connected nor abandoned / tried, all with 95 % Wilson intervals
-- source: stg_day_funnel
-- caveat: the report shows two attempts at most: n_tried_unshown are calls whose dequeue_attempts says there were more, n_connected_unshown those that were connected, but by no attempt shown. A call is tried if an attempt is shown or counted

with days as (
    select * from stg_day_funnel
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(n_offered)::bigint as n_offered,
        sum(n_tried)::bigint as n_tried,
        sum(n_tried_first)::bigint as n_tried_first,
        sum(n_answered_first)::bigint as n_answered_first,
        sum(n_tried_second)::bigint as n_tried_second,
        sum(n_answered_second)::bigint as n_answered_second,
        sum(n_tried_unshown)::bigint as n_tried_unshown,
        sum(n_connected)::bigint as n_connected,
        sum(n_connected_unshown)::bigint as n_connected_unshown,
        sum(n_exhausted)::bigint as n_exhausted
    from days
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
