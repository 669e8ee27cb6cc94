-- grain: one row per call
-- formula: columns of the report, typed; started_at is the uii's clock where it agrees with enqueue_time, else enqueue_time
-- source: calls, params, stg_call_results
-- caveat: enqueue_time has only minutes, so is_clock_from_uii tells which starts have seconds

with calls as (
    select * from main.calls
),

params as (
    select * from main.params
),

-- One row with a map of all words: a join would hold all calls in memory.
outcomes as (
    select map(list(word), list(outcome)) as outcome_of
    from stg_call_results
),

read_clocks as (
    select
        calls.*,
        params.*,
        uii_clock(uii) as clock,
        result_word(call_result) as call_result_word
    from calls
    cross join params
),

placed_clocks as (
    select
        *,
        timezone(uii_time_zone, clock) as clock_at
    from read_clocks
),

agreed_clocks as (
    select
        *,
        case
            when is_same_start(clock_at, enqueue_time, clock_tolerance_s)
                then clock_at
        end as agreed_at
    from placed_clocks
),

-- In the hour that autumn repeats, clock_at is its second pass. The first pass
-- is the same wall time read with the offset in force just before the call.
read_first_passes as (
    select
        *,
        case
            when agreed_at is null
                then before_call(enqueue_time, clock_tolerance_s) + (
                    clock - timezone(
                        uii_time_zone,
                        before_call(enqueue_time, clock_tolerance_s)
                    )
                )
        end as first_pass_at
    from agreed_clocks
),

chose_starts as (
    select
        *,
        case
            when agreed_at is not null
                then agreed_at
            when is_same_start(first_pass_at, enqueue_time, clock_tolerance_s)
                and timezone(uii_time_zone, first_pass_at) = clock
                then first_pass_at
        end as uii_started_at
    from read_first_passes
),

named_outcomes as (
    select
        *,
        coalesce(uii_started_at, enqueue_time) as started_at,
        coalesce(outcome_of[call_result_word], 'other') as call_outcome
    from chose_starts
    cross join outcomes
),

derived as (
    select
        -- ids
        account_id,
        uii,
        cloud_profile_id,
        connected_id,
        attempt_1_id,
        attempt_2_id,

        -- text
        profile_name,
        ani,
        dnis,
        outbound_externid,
        media_isci,
        media_network,
        media_market,
        media_code,
        media_format,
        media_version,
        media_length,
        call_state,
        call_result,
        call_result_word,
        call_outcome,
        recording_url,
        connected_name,
        connected_route,
        attempt_1_name,
        attempt_1_route,
        attempt_1_disp,
        attempt_2_name,
        attempt_2_route,
        attempt_2_disp,

        -- numerics
        queue_time as queue_s,
        connected_duration as talk_s,
        inbound_duration as inbound_s,
        dequeue_attempts as n_dequeue_attempts,
        try_cast(
            nullif(regexp_extract(media_length, '^\d+$'), '') as integer
        ) as media_length_s,
        is_cellular,
        call_outcome = 'connected' as is_connected,
        call_outcome = 'abandoned' as is_abandoned,
        call_outcome = 'abandoned'
            and coalesce(queue_time < short_abandon_s, false)
            as is_short_abandon,
        call_outcome = 'connected'
            and coalesce(queue_time <= service_level_s, false)
            as is_answered_in_time,
        call_outcome = 'connected'
            and coalesce(connected_duration >= qualified_call_s, false)
            as is_qualified,
        uii_started_at is not null as is_clock_from_uii,

        -- timestamps
        started_at,
        timezone(time_zone, started_at) as started_local,
        time_bucket(to_minutes(slot_minutes), started_at) as slot_at,
        enqueue_time as enqueued_at,
        dequeue_time as dequeued_at
    from named_outcomes
)

select * from derived
