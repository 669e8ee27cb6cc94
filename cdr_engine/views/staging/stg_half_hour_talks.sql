-- grain: one row per account, cloud profile, its name and half hour in which somebody talks
-- formula: seconds of talk that lie in the half hour; talk begins queue_time after the start and lasts connected_duration
-- source: stg_calls
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with calls as (
    select * from stg_calls
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
        profile_name,
        half_hour,
        max(started_at) as last_started_at,
        count(*) as n_talks,
        sum(
            least(talk_until_s, (half_hour + 1) * 1800)
            - greatest(talk_from_s, half_hour * 1800)
        )::bigint as carried_s
    from split
    group by account_id, cloud_profile_id, profile_name, half_hour
)

select * from summed
