-- grain: one row per account and media market
-- formula: quality_index = 100 x qualified_rate / the account's qualified_rate; call_share = calls / the account's calls; both rates with 95 % Wilson intervals
-- source: stg_calls, params
-- caveat: the market is where the advertisement ran, not where the caller is; calls without a market are a row, and in the account's rate. n_callers do not add up over markets

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
        caller(ani) as caller,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from calls
    group by account_id, media_market, caller
),

counted as (
    select
        account_id,
        media_market,
        sum(n_calls)::bigint as n_calls,
        count(caller) as n_callers,
        sum(n_connected)::bigint as n_connected,
        sum(n_qualified)::bigint as n_qualified
    from called
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
        account_id,
        media_market,
        n_calls,
        n_callers,
        n_connected,
        n_qualified,
        n_account_calls,
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
