-- grain: one row per account, local day, media code, DNIS, network, market and format
-- formula: qualified_rate = qualified calls / calls, with its 95 % Wilson interval; n_callers = different numbers that called
-- source: stg_calls, params
-- caveat: n_callers and n_qualified_callers do not add up: who calls twice is in several rows. Calls without media are rows with NULL; blocked numbers are calls, but no callers

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

called as (
    select
        account_id,
        started_local::date as day,
        media_code,
        dnis,
        media_network,
        media_market,
        media_format,
        caller(ani) as caller,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified,
        sum(talk_s) as talk_s
    from calls
    group by
        account_id,
        day,
        media_code,
        dnis,
        media_network,
        media_market,
        media_format,
        caller
),

counted as (
    select
        account_id,
        day,
        media_code,
        dnis,
        media_network,
        media_market,
        media_format,
        sum(n_calls)::bigint as n_calls,
        count(caller) as n_callers,
        sum(n_connected)::bigint as n_connected,
        sum(called.n_qualified)::bigint as n_qualified,
        count(caller) filter (called.n_qualified > 0) as n_qualified_callers,
        coalesce(sum(talk_s), 0) / 60 as talk_minutes
    from called
    group by
        account_id,
        day,
        media_code,
        dnis,
        media_network,
        media_market,
        media_format
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
