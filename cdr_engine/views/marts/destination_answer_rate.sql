-- grain: one row per account and destination
-- formula: answer_rate = answered attempts / attempts, with its 95 % Wilson interval; line_reached_rate counts busy and no answer too
-- source: stg_attempts
-- caveat: destinations that are tried second get the calls that others did not take

with attempts as (
    select * from stg_attempts
),

-- By name first: the latest of a few is sooner found than of all attempts.
counted_by_name as (
    select
        account_id,
        destination_id,
        destination_name,
        max(started_at) as last_started_at,
        count(*) as n_attempts,
        count(*) filter (is_answered) as n_answered,
        count(*) filter (is_line_reached) as n_line_reached,
        count(ring_s) filter (is_answered) as n_answered_rings,
        sum(ring_s) filter (is_answered) as answered_ring_s
    from attempts
    group by account_id, destination_id, destination_name
),

counted as (
    select
        account_id,
        destination_id,
        latest_name(destination_name, last_started_at) as destination_name,
        sum(n_attempts)::bigint as n_attempts,
        sum(n_answered)::bigint as n_answered,
        sum(n_line_reached)::bigint as n_line_reached,
        sum(answered_ring_s) / nullif(sum(n_answered_rings), 0)
            as mean_answered_ring_s
    from counted_by_name
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
