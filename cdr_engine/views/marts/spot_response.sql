-- grain: one row per airing of the spot logs; account_id is NULL where the log names none
-- formula: n_response = n_calls - baseline_calls: calls of the spot's code within spot_response_minutes after the airing, minus their mean at the same local time of the weeks before (8 at most) in which the code was not aired then; n_qualified_response alike
-- source: stg_spot_responses
-- caveat: a call belongs to the latest airing before it, so airings share none; NULL where there are no calls to count or no week to compare with.

with responses as (
    select * from stg_spot_responses
)

select * from responses
