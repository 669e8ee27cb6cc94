-- grain: one row per account, local day and DNIS
-- formula: short_share = connected calls that talk less than short_call_s / connected calls, with its 95 % Wilson interval
-- source: stg_calls, params
-- caveat: a high share is misdials, a wrong number in an advertisement, or fraud: the report does not tell which

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        started_local::date as day,
        dnis,
        count(*) as n_offered,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_short_call) as n_short
    from calls
    group by account_id, day, dnis
),

rated as (
    select
        counted.*,
        n_short / nullif(n_connected, 0) as short_share,
        wilson_low(n_short, n_connected) as short_share_low,
        wilson_high(n_short, n_connected) as short_share_high,
        n_connected < small_sample as is_small_sample
    from counted
    cross join params
)

select * from rated
