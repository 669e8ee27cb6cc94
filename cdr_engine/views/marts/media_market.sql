-- grain: one row per account and media market
-- formula: quality_index = 100 x qualified_rate of the market / qualified_rate of the account; call_share = calls of the market / the account's
-- source: stg_calls, params
-- caveat: the market is where the advertisement ran, not where the caller is; calls without a market are a row as well

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        media_market,
        count(*) as n_calls,
        count(distinct caller(ani)) as n_callers,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from calls
    group by account_id, media_market
),

totalled as (
    select
        *,
        sum(n_calls) over (partition by account_id)::bigint
            as n_account_calls,
        sum(n_qualified) over (partition by account_id)::bigint
            as n_account_qualified
    from counted
),

rated as (
    select
        totalled.* exclude (n_account_qualified),
        n_calls / n_account_calls as call_share,
        wilson_low(n_calls, n_account_calls) as call_share_low,
        wilson_high(n_calls, n_account_calls) as call_share_high,
        n_qualified / n_calls as qualified_rate,
        wilson_low(n_qualified, n_calls) as rate_low,
        wilson_high(n_qualified, n_calls) as rate_high,
        100 * (n_qualified / n_calls)
        / nullif(n_account_qualified / n_account_calls, 0) as quality_index,
        n_calls < small_sample as is_small_sample
    from totalled
    cross join params
)

select * from rated
