-- grain: one row per account, destination, attempt number and disposition word
-- formula: mean, median and ninth decile of the number in parentheses behind the word: ANSWER(5) rang for 5 s
-- source: stg_attempts, params
-- caveat: that the number is ring seconds is an assumption; n_rings counts the attempts that have one, and is_small_sample goes by it

with attempts as (
    select * from stg_attempts
),

params as (
    select * from main.params
),

measured as (
    select
        account_id,
        destination_id,
        attempt_number,
        disposition_word,
        latest_name(destination_name, started_at) as destination_name,
        count(*) as n_attempts,
        count(ring_s) as n_rings,
        avg(ring_s) as mean_ring_s,
        quantile_cont(ring_s, [0.5, 0.9]) as ring_quantiles
    from attempts
    group by account_id, destination_id, attempt_number, disposition_word
),

named as (
    select
        account_id,
        destination_id,
        attempt_number,
        disposition_word,
        destination_name,
        n_attempts,
        n_rings,
        mean_ring_s,
        ring_quantiles[1] as p50_ring_s,
        ring_quantiles[2] as p90_ring_s,
        n_rings < small_sample as is_small_sample
    from measured
    cross join params
)

select * from named
