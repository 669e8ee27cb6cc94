-- grain: one row per account, local day, media code, DNIS, network, market and format
-- formula: qualified_rate = connected calls that talk qualified_call_s or longer / calls, with its 95 % Wilson interval
-- source: stg_calls, params
-- caveat: callers are counted within a row: they do not add up over rows; calls without a code are a row as well

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
        media_code,
        dnis,
        media_network,
        media_market,
        media_format,
        count(*) as n_calls,
        count(distinct caller(ani)) as n_callers,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified,
        count(distinct caller(ani)) filter (is_qualified)
            as n_qualified_callers,
        coalesce(sum(talk_s), 0)::bigint as talk_s
    from calls
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
