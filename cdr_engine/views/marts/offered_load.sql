-- grain: one row per account, cloud profile and half hour in which somebody talks
-- formula: carried_erlangs = seconds of talk that lie in the half hour / 1800; talk begins queue_time after the start and lasts connected_duration
-- source: stg_half_hour_talks, params
-- caveat: carried load: what callers who gave up would have brought is not in it; half hours are steps of UTC

with talks as (
    select * from stg_half_hour_talks
),

params as (
    select * from main.params
),

summed as (
    select
        account_id,
        cloud_profile_id,
        half_hour,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(n_talks)::bigint as n_talks,
        sum(carried_s)::bigint as carried_s
    from talks
    group by account_id, cloud_profile_id, half_hour
),

placed as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        make_timestamptz(half_hour * 1800000000) as half_hour_at,
        timezone(params.time_zone, half_hour_at) as half_hour_local,
        n_talks,
        carried_s,
        carried_s / 1800 as carried_erlangs
    from summed
    cross join params
)

select * from placed
