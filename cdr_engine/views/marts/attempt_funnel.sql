-- grain: one row per account, local day and cloud profile
-- formula: calls by how far they went: offered, tried and answered at the first and at the second destination, tried more often, exhausted; answer rates are answered / tried, with 95 % Wilson intervals
-- source: stg_calls, stg_attempts
-- caveat: the report shows two attempts at most: later ones show in n_tried_further only, who answered them is not known

with calls as (
    select * from stg_calls
),

attempts as (
    select * from stg_attempts
),

counted_calls as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        latest_name(profile_name, started_at) as profile_name,
        count(*) as n_offered,
        count(*) filter (n_dequeue_attempts > 2) as n_tried_further,
        count(*) filter (
            n_dequeue_attempts > 0 and not is_connected and not is_abandoned
        ) as n_exhausted
    from calls
    group by account_id, day, cloud_profile_id
),

counted_attempts as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        count(*) filter (attempt_number = 1) as n_tried_first,
        count(*) filter (attempt_number = 1 and is_answered)
            as n_answered_first,
        count(*) filter (attempt_number = 2) as n_tried_second,
        count(*) filter (attempt_number = 2 and is_answered)
            as n_answered_second
    from attempts
    group by account_id, day, cloud_profile_id
),

joined as (
    select
        counted_calls.account_id,
        counted_calls.day,
        counted_calls.cloud_profile_id,
        counted_calls.profile_name,
        counted_calls.n_offered,
        coalesce(n_tried_first, 0) as n_tried_first,
        coalesce(n_answered_first, 0) as n_answered_first,
        coalesce(n_tried_second, 0) as n_tried_second,
        coalesce(n_answered_second, 0) as n_answered_second,
        counted_calls.n_tried_further,
        counted_calls.n_exhausted
    from counted_calls
    left join counted_attempts
        on counted_calls.account_id
            is not distinct from counted_attempts.account_id
        and counted_calls.day is not distinct from counted_attempts.day
        and counted_calls.cloud_profile_id
            is not distinct from counted_attempts.cloud_profile_id
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
            as second_answer_rate_high
    from joined
)

select * from rated
