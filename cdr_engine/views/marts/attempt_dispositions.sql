-- grain: one row per account, local day, cloud profile, attempt number, destination and disposition word
-- formula: disposition_rate = attempts that ended with the word / attempts to the destination, with its 95 % Wilson interval
-- source: stg_day_attempts
-- caveat: the report shows attempts 1 and 2 only; words are kept as they come

with attempts as (
    select * from stg_day_attempts
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        attempt_number,
        destination_id,
        disposition_word,
        latest_name(destination_name, last_started_at) as destination_name,
        sum(n_attempts)::bigint as n_attempts,
        sum(ring_s) / nullif(sum(n_rings), 0) as mean_ring_s
    from attempts
    group by
        account_id,
        day,
        cloud_profile_id,
        attempt_number,
        destination_id,
        disposition_word
),

totalled as (
    select
        *,
        sum(n_attempts) over (
            partition by
                account_id,
                day,
                cloud_profile_id,
                attempt_number,
                destination_id
        )::bigint as n_destination_attempts
    from counted
),

rated as (
    select
        *,
        n_attempts / n_destination_attempts as disposition_rate,
        wilson_low(n_attempts, n_destination_attempts) as rate_low,
        wilson_high(n_attempts, n_destination_attempts) as rate_high
    from totalled
)

select * from rated
