-- grain: one row per account and destination
-- formula: answer_rate = answered attempts / attempts, with its 95 % Wilson interval; line_reached_rate counts busy and no answer too
-- source: stg_day_attempts
-- caveat: destinations that are tried second get the calls that others did not take

with attempts as (
    select * from stg_day_attempts
),

counted as (
    select
        account_id,
        destination_id,
        latest_name(destination_name, last_started_at) as destination_name,
        sum(attempts.n_attempts)::bigint as n_attempts,
        coalesce(sum(attempts.n_attempts) filter (is_answered), 0)::bigint
            as n_answered,
        coalesce(sum(attempts.n_attempts) filter (is_line_reached), 0)::bigint
            as n_line_reached,
        sum(ring_s) filter (is_answered)
        / nullif(sum(n_rings) filter (is_answered), 0) as mean_answered_ring_s
    from attempts
    group by account_id, destination_id
),

rated as (
    select
        *,
        n_answered / n_attempts as answer_rate,
        wilson_low(n_answered, n_attempts) as rate_low,
        wilson_high(n_answered, n_attempts) as rate_high,
        n_line_reached / n_attempts as line_reached_rate,
        wilson_low(n_line_reached, n_attempts) as line_reached_rate_low,
        wilson_high(n_line_reached, n_attempts) as line_reached_rate_high
    from counted
)

select * from rated
