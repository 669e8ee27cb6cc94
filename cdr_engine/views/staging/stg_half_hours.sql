-- grain: one row per account, cloud profile and half hour with a call
-- formula: calls by the half hour they started in, by what became of them and how long they waited
-- source: stg_calls, params
-- caveat: half hours are steps of UTC, and absent without a call; calls without any time are in one that is NULL

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        time_bucket(interval 30 minutes, slot_at) as half_hour_at,
        latest_name(profile_name, started_at) as profile_name,
        min(service_level_s) as service_level_s,
        count(*) as n_offered,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_answered_in_time) as n_answered_in_time,
        count(*) filter (is_abandoned) as n_abandoned,
        count(*) filter (is_abandoned and is_in_time)
            as n_abandoned_in_time,
        count(*) filter (is_short_abandon) as n_short_abandons,
        count(*) filter (call_outcome = 'deflected') as n_deflected,
        count(*) filter (is_service_level_met) as n_service_level_met,
        count(*) filter (is_service_level_counted) as n_service_level,
        coalesce(sum(talk_s) filter (is_connected), 0)::bigint as talk_s,
        count(talk_s) filter (is_connected) as n_talks
    from calls
    group by account_id, cloud_profile_id, half_hour_at
),

placed as (
    select
        counted.*,
        timezone(params.time_zone, half_hour_at) as half_hour_local
    from counted
    cross join params
)

select * from placed
