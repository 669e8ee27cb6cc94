-- grain: one row per call and attempt that the report shows
-- formula: the attempts of stg_call_attempts, one below the other
-- source: stg_call_attempts
-- caveat: the report shows two attempts at most; that ring_s is ring seconds is an assumption

with call_attempts as (
    select * from stg_call_attempts
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
        -- ids
        account_id,
        uii,
        cloud_profile_id,
        case attempt_number when 1 then attempt_1_id else attempt_2_id end
            as destination_id,

        -- text
        profile_name,
        case attempt_number when 1 then attempt_1_name else attempt_2_name end
            as destination_name,
        case
            attempt_number when 1 then attempt_1_route else attempt_2_route
        end as destination_route,
        case attempt_number when 1 then attempt_1_disp else attempt_2_disp end
            as disposition,
        case attempt_number when 1 then attempt_1_word else attempt_2_word end
            as disposition_word,

        -- numerics
        attempt_number,
        case
            attempt_number when 1 then attempt_1_ring_s else attempt_2_ring_s
        end as ring_s,
        case
            attempt_number when 1 then is_attempt_1_answered
            else is_attempt_2_answered
        end as is_answered,
        case
            attempt_number when 1 then is_attempt_1_line_reached
            else is_attempt_2_line_reached
        end as is_line_reached,

        -- timestamps
        started_at,
        started_local
    from call_attempts
    cross join numbers
    where
        case
            attempt_number when 1 then is_attempt_1_shown
            else is_attempt_2_shown
        end
)

select * from stacked
