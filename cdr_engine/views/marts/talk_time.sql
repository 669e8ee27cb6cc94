-- grain: one row per account, local day, cloud profile and destination that was connected
-- formula: sum, mean, median and ninth decile of connected_duration; billed_s = sum of inbound_duration
-- source: stg_calls
-- caveat: talk only, not handling time: hold and wrap-up are not in the report. Talk is skewed: prefer the median

with calls as (
    select * from stg_calls
),

measured as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        connected_id as destination_id,
        latest_name(profile_name, started_at) as profile_name,
        latest_name(connected_name, started_at) as destination_name,
        count(*) as n_connected,
        coalesce(sum(talk_s), 0)::bigint as total_talk_s,
        avg(talk_s) as mean_talk_s,
        quantile_cont(talk_s, [0.5, 0.9]) as talk_quantiles,
        coalesce(sum(inbound_s), 0)::bigint as billed_s
    from calls
    where is_connected
    group by account_id, day, cloud_profile_id, destination_id
),

named as (
    select
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        destination_id,
        destination_name,
        n_connected,
        total_talk_s,
        mean_talk_s,
        talk_quantiles[1] as p50_talk_s,
        talk_quantiles[2] as p90_talk_s,
        billed_s
    from measured
)

select * from named
