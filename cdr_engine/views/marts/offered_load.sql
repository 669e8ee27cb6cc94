-- grain: one row per account, cloud profile and half hour in which somebody talks
-- formula: carried_erlangs = seconds of talk that lie in the half hour / 1800; talk begins queue_time after the start and lasts connected_duration
-- source: stg_calls, params
-- caveat: carried load: what callers who gave up would have brought is not in it; half hours are steps of UTC

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

-- Seconds since 1970: the share of a call in a half hour is then plain sums.
talked as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        started_at,
        epoch_ms(started_at) // 1000 + coalesce(queue_s, 0) as talk_from_s,
        talk_from_s + talk_s as talk_until_s
    from calls
    where is_connected and talk_s > 0 and started_at is not null
),

split as (
    select
        *,
        unnest(range(
            talk_from_s // 1800, (talk_until_s - 1) // 1800 + 1
        )) as half_hour
    from talked
),

summed as (
    select
        account_id,
        cloud_profile_id,
        half_hour,
        latest_name(profile_name, started_at) as profile_name,
        count(*) as n_talks,
        sum(
            least(talk_until_s, (half_hour + 1) * 1800)
            - greatest(talk_from_s, half_hour * 1800)
        )::bigint as carried_s
    from split
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
