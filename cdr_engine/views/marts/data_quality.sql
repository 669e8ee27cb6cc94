-- grain: one row per account and local day; calls without any time are in a day that is NULL
-- formula: one count per rule, and of the rules that not every call can break, how many it applies to: n_connected, n_with_durations, n_with_queue_times, n_with_attempts, n_with_two_clocks, n_results, n_dispositions. A duplicate has account, uii, profile and enqueue_time of another; durations are off where inbound is not queue + talk, by more than 2 s; queue_time where it is over a minute from dequeue_time - enqueue_time
-- source: stg_day_quality, stg_calls
-- caveat: the report shows two attempts and prints minutes, so truncated attempts and minute clocks are its limits, not faults; a call can break several rules

with days as (
    select * from stg_day_quality
),

calls as (
    select * from stg_calls
),

-- Hashes are shorter than uii: the few that come twice tell which calls to
-- compare.
repeated_keys as (
    select
        hash(account_id, uii, cloud_profile_id, enqueued_at) as key_hash
    from calls
    group by key_hash
    having count(*) > 1
),

repeated as (
    select
        account_id,
        started_local::date as day,
        count(*) - count(
            distinct row(uii, cloud_profile_id, enqueued_at)
        ) as n_duplicates
    from calls
    where
        hash(account_id, uii, cloud_profile_id, enqueued_at)
        in (select key_hash from repeated_keys)
    group by account_id, day
),

summed as (
    select
        account_id,
        day,
        sum(n_calls)::bigint as n_calls,
        sum(n_without_time)::bigint as n_without_time,
        sum(n_without_ani)::bigint as n_without_ani,
        sum(n_connected)::bigint as n_connected,
        sum(n_without_destination)::bigint as n_without_destination,
        sum(n_with_durations)::bigint as n_with_durations,
        sum(n_durations_off)::bigint as n_durations_off,
        sum(n_with_queue_times)::bigint as n_with_queue_times,
        sum(n_queue_times_off)::bigint as n_queue_times_off,
        sum(n_negative_durations)::bigint as n_negative_durations,
        sum(n_with_attempts)::bigint as n_with_attempts,
        sum(n_attempts_undercounted)::bigint as n_attempts_undercounted,
        sum(n_attempts_truncated)::bigint as n_attempts_truncated,
        sum(n_minute_clocks)::bigint as n_minute_clocks,
        sum(n_with_two_clocks)::bigint as n_with_two_clocks,
        sum(n_clocks_disagreeing)::bigint as n_clocks_disagreeing,
        sum(n_results)::bigint as n_results,
        sum(n_results_unknown)::bigint as n_results_unknown,
        sum(n_dispositions)::bigint as n_dispositions,
        sum(n_dispositions_unknown)::bigint as n_dispositions_unknown
    from days
    group by account_id, day
),

joined as (
    select
        summed.account_id,
        summed.day,
        summed.n_calls,
        coalesce(n_duplicates, 0) as n_duplicates,
        summed.n_without_time,
        summed.n_without_ani,
        summed.n_connected,
        summed.n_without_destination,
        summed.n_with_durations,
        summed.n_durations_off,
        summed.n_with_queue_times,
        summed.n_queue_times_off,
        summed.n_negative_durations,
        summed.n_with_attempts,
        summed.n_attempts_undercounted,
        summed.n_attempts_truncated,
        summed.n_minute_clocks,
        summed.n_with_two_clocks,
        summed.n_clocks_disagreeing,
        summed.n_results,
        summed.n_results_unknown,
        summed.n_dispositions,
        summed.n_dispositions_unknown
    from summed
    left join repeated
        on summed.account_id is not distinct from repeated.account_id
        and summed.day is not distinct from repeated.day
)

select * from joined
