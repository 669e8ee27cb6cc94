-- grain: one row per account, DNIS and 5 minutes with a call
-- formula: baseline_calls = mean calls of 5 minutes, from 120 to 15 minutes before; z = (calls - baseline) / sqrt(baseline, 0.25 at least); is_burst = 4 calls or more and z of 4 or more
-- source: stg_calls
-- caveat: guesses when an advertisement was aired; a log of spots knows. Without a baseline in the account's first two hours

with calls as (
    select * from stg_calls
),

counted as (
    select
        account_id,
        dnis,
        time_bucket(interval 5 minutes, started_at) as began_at,
        any_value(media_code) as media_code,
        count(*) as n_calls
    from calls
    where started_at is not null
    group by account_id, dnis, began_at
),

-- 22 slots begin from 120 to 15 minutes before. One without a call is a zero.
compared as (
    select
        *,
        min(began_at) over (partition by account_id) as first_began_at,
        coalesce(sum(n_calls) over (
            partition by account_id, dnis
            order by began_at
            range between interval 120 minutes preceding
            and interval 15 minutes preceding
        ), 0) / 22 as earlier_calls
    from counted
),

based as (
    select
        account_id,
        dnis,
        began_at,
        media_code,
        n_calls,
        case
            when began_at - interval 120 minutes >= first_began_at
                then earlier_calls
        end as baseline_calls
    from compared
),

judged as (
    select
        *,
        (n_calls - baseline_calls) / sqrt(greatest(baseline_calls, 0.25)) as z,
        n_calls >= 4
        and coalesce(
            (n_calls - baseline_calls) / sqrt(greatest(baseline_calls, 0.25))
            >= 4,
            false
        ) as is_burst
    from based
)

select * from judged
