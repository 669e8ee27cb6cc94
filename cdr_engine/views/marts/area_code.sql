-- grain: one row per account, area code (NPA) of the caller and media market
-- formula: qualified_rate = qualified calls / calls, with its 95 % Wilson interval; npa = the first three of the number's ten digits, [2-9]xx but not x11
-- source: stg_area_codes, params
-- caveat: cellular telephones move and keep their number; blocked numbers and those of no North American form are in the row whose npa is NULL

with codes as (
    select * from stg_area_codes
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        npa,
        media_market,
        sum(n_calls)::bigint as n_calls,
        sum(n_connected)::bigint as n_connected,
        sum(n_qualified)::bigint as n_qualified
    from codes
    group by account_id, npa, media_market
),

rated as (
    select
        counted.*,
        n_qualified / n_calls as qualified_rate,
        wilson_low(n_qualified, n_calls) as rate_low,
        wilson_high(n_qualified, n_calls) as rate_high,
        n_calls < small_sample as is_small_sample
    from counted
    cross join params
)

select * from rated
