-- grain: one row per account, cloud profile and 15 minutes, from the account's first call to its last
-- formula: calls by the 15 minutes they started in, and 0 where there are none
-- source: stg_slots
-- caveat: slots are steps of UTC, so a DST day has 92 or 100; calls without any time are in a slot that is NULL

with slots as (
    select * from stg_slots
)

select * from slots
