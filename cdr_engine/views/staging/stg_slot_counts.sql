-- grain: one row per account, cloud profile, its name and 15 minutes with a call
-- formula: calls counted by what became of them and how long they waited
-- source: stg_calls
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with calls as (
    select * from stg_calls
),

counted as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        service_level_s,
        slot_at,
        max(started_at) as last_started_at,
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
        coalesce(sum(calls.talk_s), 0)::bigint as talk_s,
        count(calls.talk_s) filter (is_connected) as n_connected_talks,
        coalesce(sum(calls.talk_s) filter (is_connected), 0)::bigint
            as connected_talk_s
    from calls
    group by
        account_id, cloud_profile_id, profile_name, service_level_s, slot_at
)

select * from counted
