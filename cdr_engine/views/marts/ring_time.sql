-- grain: one row per account, destination, attempt number and disposition word
-- formula: mean, median and ninth decile of the number in parentheses behind the word: ANSWER(5) rang for 5 s
-- source: stg_rings, params
-- caveat: that the number is ring seconds is an assumption; n_rings counts the attempts that have one, and is_small_sample goes by it

with rings as (
    select * from stg_rings
),

params as (
    select * from main.params
),

ranked as (
    select
        *,
        sum(n_attempts) filter (ring_s is not null) over shorter as n_up_to,
        sum(n_attempts) filter (ring_s is not null) over words as n_rung
    from rings
    window
        words as (
            partition by
                account_id, destination_id, attempt_number, disposition_word
        ),
        shorter as (
            partition by
                account_id, destination_id, attempt_number, disposition_word
            order by ring_s
        )
),

measured as (
    select
        account_id,
        destination_id,
        attempt_number,
        disposition_word,
        latest_name(destination_name, last_started_at) as destination_name,
        sum(ranked.n_attempts)::bigint as n_attempts,
        coalesce(any_value(n_rung), 0)::bigint as n_rings,
        sum(ring_s * ranked.n_attempts) / nullif(any_value(n_rung), 0)
            as mean_ring_s,
        quantile_of_counts(ring_s, true, n_up_to, n_rung, 0.5) as p50_ring_s,
        quantile_of_counts(ring_s, true, n_up_to, n_rung, 0.9) as p90_ring_s
    from ranked
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
        p50_ring_s,
        p90_ring_s,
        n_rings < small_sample as is_small_sample
    from measured
    cross join params
)

select * from named
