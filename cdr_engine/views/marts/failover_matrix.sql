-- grain: one row per account, cloud profile, first destination and second destination
-- formula: rescue_rate = calls that the second destination answered / calls that went on to it unanswered by the first, with its 95 % Wilson interval
-- source: stg_calls, stg_call_results, params
-- caveat: a word that is not known counts as not answered; calls that went on to a third destination are not rescued here

with calls as (
    select * from stg_calls
),

results as (
    select * from stg_call_results
),

params as (
    select * from main.params
),

overflowed as (
    select
        *,
        result_word(attempt_1_disp) as first_word,
        result_word(attempt_2_disp) as second_word
    from calls
    where
        attempt_2_id is not null
        or attempt_2_name is not null
        or attempt_2_route is not null
        or attempt_2_disp is not null
),

grouped as (
    select
        account_id,
        cloud_profile_id,
        attempt_1_id as first_destination_id,
        attempt_2_id as second_destination_id,
        first_word,
        second_word,
        latest_name(profile_name, started_at) as profile_name,
        latest_name(attempt_1_name, started_at) as first_destination_name,
        latest_name(attempt_2_name, started_at) as second_destination_name,
        max(started_at) as last_started_at,
        count(*) as n_calls
    from overflowed
    group by
        account_id,
        cloud_profile_id,
        first_destination_id,
        second_destination_id,
        first_word,
        second_word
),

judged as (
    select
        grouped.*,
        coalesce(second_result.outcome = 'connected', false) as is_rescued
    from grouped
    left join results as first_result
        on grouped.first_word = first_result.word
    left join results as second_result
        on grouped.second_word = second_result.word
    where coalesce(first_result.outcome <> 'connected', true)
),

counted as (
    select
        account_id,
        cloud_profile_id,
        first_destination_id,
        second_destination_id,
        latest_name(profile_name, last_started_at) as profile_name,
        latest_name(first_destination_name, last_started_at)
            as first_destination_name,
        latest_name(second_destination_name, last_started_at)
            as second_destination_name,
        sum(n_calls)::bigint as n_overflowed,
        coalesce(sum(n_calls) filter (is_rescued), 0)::bigint as n_rescued
    from judged
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
