-- grain: one row per account, cloud profile and half hour with a call
-- formula: the five published formulas of calls answered within service_level_s, and as service_level_rate, with its 95 % Wilson interval, the one that cdr.toml names
-- source: stg_half_hours
-- caveat: deflected calls are in none of the denominators: n_deflected stands beside; half hours are steps of UTC

with half_hours as (
    select * from stg_half_hours
),

rated as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        half_hour_at,
        half_hour_local,
        service_level_s,
        n_offered,
        n_connected,
        n_answered_in_time,
        n_abandoned,
        n_abandoned_in_time,
        n_short_abandons,
        n_deflected,
        n_service_level_met,
        n_service_level,
        n_service_level_met / nullif(n_service_level, 0) as service_level_rate,
        wilson_low(n_service_level_met, n_service_level) as rate_low,
        wilson_high(n_service_level_met, n_service_level) as rate_high,
        n_answered_in_time / nullif(n_connected + n_abandoned, 0)
            as abandons_against_rate,
        n_answered_in_time
        / nullif(n_connected + n_abandoned - n_abandoned_in_time, 0)
            as abandons_in_time_left_out_rate,
        n_answered_in_time
        / nullif(n_connected + n_abandoned - n_short_abandons, 0)
            as short_abandons_left_out_rate,
        (n_answered_in_time + n_abandoned_in_time)
        / nullif(n_connected + n_abandoned, 0) as abandons_in_time_for_rate,
        n_answered_in_time / nullif(n_connected, 0) as answered_only_rate
    from half_hours
)

select * from rated
