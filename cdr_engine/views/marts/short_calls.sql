-- grain: one row per account, local day and DNIS
-- formula: short_share = connected calls that talk less than short_call_s / connected calls, with its 95 % Wilson interval
-- source: stg_day_numbers, params
-- caveat: a high share is misdials, a wrong number in an advertisement, or fraud: the report does not tell which

with numbers as (
    select * from stg_day_numbers
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        day,
        dnis,
        sum(n_calls)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected,
        sum(n_short)::bigint as n_short
    from numbers
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
