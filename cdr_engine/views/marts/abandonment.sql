-- grain: one row per account, local day and cloud profile
-- formula: abandon_rate = abandoned / offered; net_abandon_rate = (abandoned - short) / (offered - short); both with 95 % Wilson intervals
-- source: stg_calls
-- caveat: depends on the words of stg_call_results; the mean wait of abandoned calls understates patience

with calls as (
    select * from stg_calls
),

counted as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        latest_name(profile_name, started_at) as profile_name,
        count(*) as n_offered,
        count(*) filter (is_abandoned) as n_abandoned,
        count(*) filter (is_short_abandon) as n_short_abandons,
        avg(queue_s) filter (is_abandoned) as mean_abandon_s,
        quantile_cont(queue_s, 0.5) filter (is_abandoned) as median_abandon_s,
        max(queue_s) filter (is_abandoned) as longest_abandon_s
    from calls
    group by account_id, day, cloud_profile_id
),

netted as (
    select
        *,
        n_offered - n_short_abandons as n_net_offered,
        n_abandoned - n_short_abandons as n_net_abandoned
    from counted
),

rated as (
    select
        *,
        n_abandoned / n_offered as abandon_rate,
        wilson_low(n_abandoned, n_offered) as rate_low,
        wilson_high(n_abandoned, n_offered) as rate_high,
        n_net_abandoned / nullif(n_net_offered, 0) as net_abandon_rate,
        wilson_low(n_net_abandoned, n_net_offered) as net_abandon_rate_low,
        wilson_high(n_net_abandoned, n_net_offered) as net_abandon_rate_high
    from netted
)

select * from rated
