-- grain: one row per account, area code (NPA) of the caller and media market
-- formula: qualified_rate = qualified calls / calls, with its 95 % Wilson interval; npa = the first three of the number's ten digits, [2-9]xx but not x11
-- source: stg_calls, params
-- caveat: cellular telephones move and keep their number; blocked numbers and those of no North American form are in the row whose npa is NULL

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

called as (
    select
        account_id,
        media_market,
        is_connected,
        is_qualified,
        caller(ani) as caller
    from calls
),

-- Codes that end in 11 are services, not areas.
counted as (
    select
        account_id,
        case
            when length(caller) = 10
                and caller between '2' and ':'
                and substr(caller, 2, 2) <> '11'
                then left(caller, 3)
        end as npa,
        media_market,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from called
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
