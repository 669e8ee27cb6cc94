-- grain: one row per account, cloud profile, first destination and second destination
-- formula: rescue_rate = calls that the second destination answered / calls that went on to it after the first did not answer, with its 95 % Wilson interval
-- source: stg_day_overflows, params
-- caveat: calls of which the report shows both attempts; a word that is not known is no answer; whether a third destination answered is not shown

with overflows as (
    select * from stg_day_overflows
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        first_destination_id,
        second_destination_id,
        latest_name(profile_name, last_started_at) as profile_name,
        latest_name(first_destination_name, last_started_at)
            as first_destination_name,
        latest_name(second_destination_name, last_started_at)
            as second_destination_name,
        sum(n_overflowed)::bigint as n_overflowed,
        sum(n_rescued)::bigint as n_rescued
    from overflows
    group by
        account_id,
        cloud_profile_id,
        first_destination_id,
        second_destination_id
),

rated as (
    select
        counted.*,
        n_rescued / n_overflowed as rescue_rate,
        wilson_low(n_rescued, n_overflowed) as rate_low,
        wilson_high(n_rescued, n_overflowed) as rate_high,
        n_overflowed < small_sample as is_small_sample
    from counted
    cross join params
)

select * from rated
