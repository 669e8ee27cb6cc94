-- grain: one row per account, area code of the caller and media market
-- formula: qualified_rate = qualified calls / calls, with its 95 % Wilson interval; the area code is that of a number of the North American plan: ten digits, or eleven that begin with 1
-- source: stg_calls, params
-- caveat: mobile telephones move and keep their number; blocked numbers and those of other plans are in a row whose area_code is NULL

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

read_digits as (
    select
        account_id,
        media_market,
        is_connected,
        is_qualified,
        translate(ani, '+()-. ', '') as digits
    from calls
),

cut_prefixes as (
    select
        account_id,
        media_market,
        case
            when length(digits) = 10 then left(digits, 3)
            when length(digits) = 11 and left(digits, 1) = '1'
                then substring(digits, 2, 3)
        end as prefix,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from read_digits
    group by account_id, media_market, prefix
),

-- Few prefixes are left, so looking at each closely costs nothing.
counted as (
    select
        account_id,
        case
            when regexp_full_match(prefix, '[2-9][0-9][0-9]') then prefix
        end as area_code,
        media_market,
        sum(n_calls)::bigint as n_calls,
        sum(n_connected)::bigint as n_connected,
        sum(n_qualified)::bigint as n_qualified
    from cut_prefixes
    group by account_id, area_code, media_market
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
