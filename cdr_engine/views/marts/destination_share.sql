-- grain: one row per account, local day, cloud profile and destination that calls were connected to
-- formula: call_share = its connected calls / those of the profile's day, with its 95 % Wilson interval; talk_share = its talk / that of the profile's day
-- source: stg_day_destinations
-- caveat: connected calls only, by who took them in the end; what share was planned is not in the report. Without any talk there is no talk_share

with days as (
    select * from stg_day_destinations
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        destination_id,
        latest_name(profile_name, last_started_at) as profile_name,
        latest_name(destination_name, last_started_at) as destination_name,
        sum(n_calls)::bigint as n_calls,
        sum(talk_s)::bigint as talk_s
    from days
    group by account_id, day, cloud_profile_id, destination_id
),

totalled as (
    select
        *,
        sum(n_calls) over (
            partition by account_id, day, cloud_profile_id
        )::bigint as n_profile_calls,
        sum(talk_s) over (
            partition by account_id, day, cloud_profile_id
        )::bigint as profile_talk_s
    from counted
),

shared as (
    select
        account_id,
        day,
        cloud_profile_id,
        destination_id,
        profile_name,
        destination_name,
        n_calls,
        n_profile_calls,
        n_calls / n_profile_calls as call_share,
        wilson_low(n_calls, n_profile_calls) as call_share_low,
        wilson_high(n_calls, n_profile_calls) as call_share_high,
        talk_s / 60 as talk_minutes,
        talk_s / nullif(profile_talk_s, 0) as talk_share
    from totalled
)

select * from shared
