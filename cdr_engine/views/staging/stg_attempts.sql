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

-- Twice over one reading of the calls: a union would hold all calls in memory.
numbers as (
    select attempt_number
    from (
        values
            (1),
            (2)
    ) as listed (attempt_number)
),

stacked as (
    select
        account_id,
        uii,
        cloud_profile_id,
        profile_name,
        started_at,
        started_local,
        attempt_number,
        case attempt_number when 1 then attempt_1_id else attempt_2_id end
            as destination_id,
        case attempt_number when 1 then attempt_1_name else attempt_2_name end
            as destination_name,
        case
            attempt_number when 1 then attempt_1_route else attempt_2_route
        end as destination_route,
        case attempt_number when 1 then attempt_1_disp else attempt_2_disp end
            as disposition
    from calls
    cross join numbers
),

visible as (
    select *
    from stacked
    where
        destination_id is not null
        or destination_name is not null
        or destination_route is not null
        or disposition is not null
),

split_words as (
    select
        *,
        result_word(disposition) as disposition_word,
        try_cast(
            nullif(regexp_extract(disposition, '\((\d+)\)', 1), '') as integer
        ) as ring_s
    from visible
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
