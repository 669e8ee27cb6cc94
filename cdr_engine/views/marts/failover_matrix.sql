-- grain: one row per account, cloud profile, first destination and second destination
-- formula: rescue_rate = calls that the second destination answered / calls that went on to it after the first did not answer, with its 95 % Wilson interval
-- source: stg_call_attempts, params
-- caveat: calls of which the report shows both attempts; a word that is not known is no answer; whether a third destination answered is not shown

with calls as (
    select * from stg_call_attempts
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        attempt_1_id as first_destination_id,
        attempt_2_id as second_destination_id,
        latest_name(profile_name, started_at) as profile_name,
        latest_name(attempt_1_name, started_at) as first_destination_name,
        latest_name(attempt_2_name, started_at) as second_destination_name,
        count(*) as n_overflowed,
        count(*) filter (is_attempt_2_answered) as n_rescued
    from calls
    where
        is_attempt_1_shown
        and not is_attempt_1_answered
        and is_attempt_2_shown
    group by
        account_id,
        cloud_profile_id,
        first_destination_id,
        second_destination_id
),

rated as (
    select
        counted.*,
        n_rescued / n_overflowed as rescue_rate,
        wilson_low(n_rescued, n_overflowed) as rate_low,
        wilson_high(n_rescued, n_overflowed) as rate_high,
        n_overflowed < small_sample as is_small_sample
    from counted
    cross join params
)

select * from rated
