-- grain: one row per call and attempt that the report shows
-- formula: attempt 1 and attempt 2 where any of their columns is filled; 'ANSWER(5)' is the word ANSWER and ring_s 5
-- source: stg_calls, stg_call_results
-- caveat: the report shows two attempts at most; that the number is ring seconds is an assumption

with calls as (
    select * from stg_calls
),

call_results as (
    select * from stg_call_results
),

stacked as (
    select
        account_id,
        uii,
        cloud_profile_id,
        profile_name,
        started_at,
        started_local,
        1 as attempt_number,
        attempt_1_id as destination_id,
        attempt_1_name as destination_name,
        attempt_1_route as destination_route,
        attempt_1_disp as disposition
    from calls
    where
        attempt_1_id is not null
        or attempt_1_name is not null
        or attempt_1_route is not null
        or attempt_1_disp is not null

    union all

    select
        account_id,
        uii,
        cloud_profile_id,
        profile_name,
        started_at,
        started_local,
        2,
        attempt_2_id,
        attempt_2_name,
        attempt_2_route,
        attempt_2_disp
    from calls
    where
        attempt_2_id is not null
        or attempt_2_name is not null
        or attempt_2_route is not null
        or attempt_2_disp is not null
),

split_words as (
    select
        *,
        result_word(disposition) as disposition_word,
        try_cast(
            nullif(regexp_extract(disposition, '\((\d+)\)', 1), '') as integer
        ) as ring_s
    from stacked
),

derived as (
    select
        -- ids
        split_words.account_id,
        split_words.uii,
        split_words.cloud_profile_id,
        split_words.destination_id,

        -- text
        split_words.profile_name,
        split_words.destination_name,
        split_words.destination_route,
        split_words.disposition,
        split_words.disposition_word,

        -- numerics
        split_words.attempt_number,
        split_words.ring_s,
        coalesce(call_results.outcome = 'connected', false) as is_answered,
        coalesce(call_results.is_line_reached, false) as is_line_reached,

        -- timestamps
        split_words.started_at,
        split_words.started_local
    from split_words
    left join call_results on split_words.disposition_word = call_results.word
)

select * from derived
