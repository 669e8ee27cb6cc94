-- grain: one row per call
-- formula: both attempts that the report shows, side by side, their dispositions read; an attempt is shown where any of its columns is filled; 'ANSWER(5)' is the word ANSWER and 5 seconds of ringing
-- source: stg_calls, stg_call_results
-- caveat: the report shows two attempts at most; that the number is ring seconds is an assumption

with calls as (
    select * from stg_calls
),

-- One row with a map of all words: a join would hold all calls in memory.
outcomes as (
    select
        map(list(word), list(outcome)) as outcome_of,
        map(list(word), list(is_line_reached)) as is_line_reached_of
    from stg_call_results
),

split_words as (
    select
        *,
        result_word(attempt_1_disp) as attempt_1_word,
        result_word(attempt_2_disp) as attempt_2_word,
        try_cast(
            nullif(regexp_extract(attempt_1_disp, '\((\d+)\)', 1), '')
            as integer
        ) as attempt_1_ring_s,
        try_cast(
            nullif(regexp_extract(attempt_2_disp, '\((\d+)\)', 1), '')
            as integer
        ) as attempt_2_ring_s
    from calls
),

derived as (
    select
        -- ids
        account_id,
        uii,
        cloud_profile_id,
        attempt_1_id,
        attempt_2_id,

        -- text
        profile_name,
        attempt_1_name,
        attempt_1_route,
        attempt_1_disp,
        attempt_1_word,
        attempt_2_name,
        attempt_2_route,
        attempt_2_disp,
        attempt_2_word,

        -- numerics
        n_dequeue_attempts,
        attempt_1_ring_s,
        attempt_2_ring_s,
        is_connected,
        is_abandoned,
        attempt_1_id is not null
            or attempt_1_name is not null
            or attempt_1_route is not null
            or attempt_1_disp is not null
            as is_attempt_1_shown,
        attempt_2_id is not null
            or attempt_2_name is not null
            or attempt_2_route is not null
            or attempt_2_disp is not null
            as is_attempt_2_shown,
        coalesce(
            outcome_of[attempt_1_word] = 'connected', false
        ) as is_attempt_1_answered,
        coalesce(
            outcome_of[attempt_2_word] = 'connected', false
        ) as is_attempt_2_answered,
        coalesce(
            is_line_reached_of[attempt_1_word], false
        ) as is_attempt_1_line_reached,
        coalesce(
            is_line_reached_of[attempt_2_word], false
        ) as is_attempt_2_line_reached,

        -- timestamps
        started_at,
        started_local
    from split_words
    cross join outcomes
)

select * from derived
