-- grain: one row per call and attempt that the report shows
-- formula: attempt 1 and attempt 2 where any of their columns is filled; 'ANSWER(5)' is the word ANSWER and ring_s 5
-- source: stg_calls, stg_call_results
-- caveat: the report shows two attempts at most; that the number is ring seconds is an assumption

with calls as (
    select * from stg_calls
),

-- One row with a map of all words: a join would hold all attempts in memory.
outcomes as (
    select
        map(list(word), list(outcome)) as outcome_of,
        map(list(word), list(is_line_reached)) as is_line_reached_of
    from stg_call_results
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
        account_id,
        uii,
        cloud_profile_id,
        destination_id,

        -- text
        profile_name,
        destination_name,
        destination_route,
        disposition,
        disposition_word,

        -- numerics
        attempt_number,
        ring_s,
        coalesce(
            outcome_of[disposition_word] = 'connected', false
        ) as is_answered,
        coalesce(
            is_line_reached_of[disposition_word], false
        ) as is_line_reached,

        -- timestamps
        started_at,
        started_local
    from split_words
    cross join outcomes
)

select * from derived
