-- grain: one row per account and hour of local time without a call that is too empty to be true
-- formula: p_empty = exp(-expected_offered) < 0.001, the Poisson chance of an hour without a call where the same weekday and hour has expected_offered in the mean
-- source: stg_hours
-- caveat: between an account's first and last call only; a public holiday is a gap too, and gaps that come every week hide themselves in the mean

with hours as (
    select * from stg_hours
),

gaps as (
    select
        account_id,
        hour_at,
        hour_local,
        n_offered,
        expected_offered,
        p_empty
    from hours
    where is_gap
)

select * from gaps
