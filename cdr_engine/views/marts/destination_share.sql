-- grain: one row per account, local day, cloud profile and destination that was connected
-- formula: call_share = connected calls of the destination / those of the profile's day, with its 95 % Wilson interval; talk_share = its talk seconds / the profile's
-- source: stg_calls
-- caveat: connected calls only; what was planned is not in the report

with calls as (
    select * from stg_calls
),

counted as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        connected_id as destination_id,
        latest_name(profile_name, started_at) as profile_name,
        latest_name(connected_name, started_at) as destination_name,
        count(*) as n_connected,
        coalesce(sum(talk_s), 0)::bigint as talk_s
    from calls
    where is_connected
    group by account_id, day, cloud_profile_id, destination_id
),

totalled as (
    select
        *,
        sum(n_connected) over profile_days::bigint as n_profile_connected,
        sum(talk_s) over profile_days::bigint as profile_talk_s
    from counted
    window profile_days as (partition by account_id, day, cloud_profile_id)
),

shared as (
    select
        *,
        n_connected / n_profile_connected as call_share,
        wilson_low(n_connected, n_profile_connected) as call_share_low,
        wilson_high(n_connected, n_profile_connected) as call_share_high,
        talk_s / nullif(profile_talk_s, 0) as talk_share
    from totalled
)

select * from shared
