-- grain: one row per account, local day, cloud profile and its name
-- formula: one count per rule that a call keeps or breaks by itself; see data_quality
-- source: stg_calls, stg_call_results
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with calls as (
    select * from stg_calls
),

measured as (
    select
        account_id,
        started_local::date as day,
        cloud_profile_id,
        profile_name,
        ani,
        is_connected,
        connected_id is not null or connected_name is not null
            as has_destination,
        n_dequeue_attempts,
        (attempt_1_disp is not null)::integer
            + (attempt_2_disp is not null)::integer as n_shown_attempts,
        case
            when is_connected then abs(inbound_s - queue_s - talk_s)
        end as duration_error_s,
        abs(
            (
                epoch_ms(dequeued_at) // 60000 - epoch_ms(enqueued_at) // 60000
            ) * 60 - queue_s
        ) as queue_error_s,
        coalesce(
            least(queue_s, talk_s, inbound_s, n_dequeue_attempts) < 0, false
        ) or coalesce(dequeued_at < enqueued_at, false) as is_negative,
        started_at,
        is_clock_from_uii,
        enqueued_at is not null and case
            when is_clock_from_uii then true
            else uii_clock(uii) is not null
        end as has_two_clocks,
        call_result_word in (
            select word from stg_call_results
        ) as is_result_known,
        result_word(attempt_1_disp) in (
            select word from stg_call_results
        ) as is_disposition_1_known,
        result_word(attempt_2_disp) in (
            select word from stg_call_results
        ) as is_disposition_2_known
    from calls
),

counted as (
    select
        account_id,
        day,
        cloud_profile_id,
        profile_name,
        count(*) as n_calls,
        count(*) filter (started_at is null) as n_without_time,
        count(*) filter (ani is null) as n_without_ani,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_connected and not has_destination)
            as n_without_destination,
        count(duration_error_s) as n_with_durations,
        count(*) filter (duration_error_s > 2) as n_durations_off,
        count(queue_error_s) as n_with_queue_times,
        count(*) filter (queue_error_s > 60) as n_queue_times_off,
        count(*) filter (is_negative) as n_negative_durations,
        count(n_dequeue_attempts) as n_with_attempts,
        count(*) filter (n_dequeue_attempts < n_shown_attempts)
            as n_attempts_undercounted,
        count(*) filter (n_dequeue_attempts > 2) as n_attempts_truncated,
        count(*) filter (started_at is not null and not is_clock_from_uii)
            as n_minute_clocks,
        count(*) filter (has_two_clocks) as n_with_two_clocks,
        count(*) filter (has_two_clocks and not is_clock_from_uii)
            as n_clocks_disagreeing,
        count(is_result_known) as n_results,
        count(*) filter (not is_result_known) as n_results_unknown,
        count(is_disposition_1_known) + count(is_disposition_2_known)
            as n_dispositions,
        count(*) filter (not is_disposition_1_known)
            + count(*) filter (not is_disposition_2_known)
            as n_dispositions_unknown
    from measured
    group by account_id, day, cloud_profile_id, profile_name
)

select * from counted
