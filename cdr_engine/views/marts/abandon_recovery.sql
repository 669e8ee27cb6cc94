-- grain: one row per account, local day and cloud profile with an abandoned call
-- formula: recovery_rate = abandoned calls whose caller is connected within recovery_hours / abandoned calls, with its 95 % Wilson interval; p50_recovery_s = median wait for it
-- source: stg_calls, params
-- caveat: connected on any profile of the account; calls of the last recovery_hours may still be recovered; blocked numbers are left out and counted

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

called as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        caller(ani) as caller,
        is_connected,
        is_abandoned,
        started_at,
        started_local
    from calls
),

gave_up as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        caller,
        started_at,
        started_local::date as day
    from called
    where is_abandoned
),

callers as (
    select distinct
        account_id,
        caller
    from gave_up
    where caller is not null
),

-- Few callers give up, so only their calls are put in order.
connected as (
    select
        called.account_id,
        callers.caller,
        called.started_at
    from called
    inner join callers
        on called.account_id is not distinct from callers.account_id
        and called.caller = callers.caller
    where called.is_connected and called.started_at is not null
),

matched as (
    select
        gave_up.*,
        (
            epoch_ms(connected.started_at) - epoch_ms(gave_up.started_at)
        ) / 1000 as recovery_s
    from gave_up
    asof left join connected
        on coalesce(gave_up.account_id, '') = coalesce(connected.account_id, '')
        and gave_up.caller = connected.caller
        and gave_up.started_at < connected.started_at
),

judged as (
    select
        matched.* exclude (recovery_s),
        case
            when recovery_s <= recovery_hours * 3600 then recovery_s
        end as recovery_s
    from matched
    cross join params
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        latest_name(profile_name, started_at) as profile_name,
        count(*) filter (caller is not null) as n_abandoned,
        count(recovery_s) as n_recovered,
        count(*) filter (caller is null) as n_blocked,
        median(recovery_s) as p50_recovery_s
    from judged
    group by account_id, day, cloud_profile_id
),

rated as (
    select
        *,
        n_recovered / nullif(n_abandoned, 0) as recovery_rate,
        wilson_low(n_recovered, n_abandoned) as rate_low,
        wilson_high(n_recovered, n_abandoned) as rate_high
    from counted
)

select * from rated
