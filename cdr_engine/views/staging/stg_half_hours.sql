-- grain: one row per account, cloud profile and half hour with a call
-- formula: calls by the half hour they started in, by what became of them and how long they waited
-- source: stg_slot_counts, params
-- caveat: half hours are steps of UTC, and absent without a call; calls without any time are in one that is NULL

with counts as (
    select * from stg_slot_counts
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        time_bucket(interval 30 minutes, slot_at) as half_hour_at,
        latest_name(profile_name, last_started_at) as profile_name,
        min(service_level_s) as service_level_s,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected,
        sum(n_answered_in_time)::bigint as n_answered_in_time,
        sum(n_abandoned)::bigint as n_abandoned,
        sum(n_abandoned_in_time)::bigint as n_abandoned_in_time,
        sum(n_short_abandons)::bigint as n_short_abandons,
        sum(n_deflected)::bigint as n_deflected,
        sum(n_service_level_met)::bigint as n_service_level_met,
        sum(n_service_level)::bigint as n_service_level,
        sum(connected_talk_s)::bigint as talk_s,
        sum(n_connected_talks)::bigint as n_talks
    from counts
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
