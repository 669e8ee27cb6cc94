-- grain: one row per call
-- formula: columns of the report, typed; started_at is the uii's clock where it agrees with enqueue_time, else enqueue_time
-- source: calls, params, stg_profile_params, stg_call_results
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

own_thresholds as (
    select
        map(
            list(cloud_profile_id), list(service_level_s)
        ) as service_level_s_of,
        map(
            list(cloud_profile_id), list(short_abandon_s)
        ) as short_abandon_s_of,
        map(list(cloud_profile_id), list(short_call_s)) as short_call_s_of,
        map(
            list(cloud_profile_id), list(qualified_call_s)
        ) as qualified_call_s_of
    from stg_profile_params
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
        * exclude (
            service_level_s, short_abandon_s, short_call_s, qualified_call_s
        ),
        coalesce(uii_started_at, enqueue_time) as started_at,
        coalesce(outcome_of[call_result_word], 'other') as call_outcome,
        coalesce(
            service_level_s_of[cloud_profile_id], service_level_s
        ) as service_level_s,
        coalesce(
            short_abandon_s_of[cloud_profile_id], short_abandon_s
        ) as short_abandon_s,
        coalesce(
            short_call_s_of[cloud_profile_id], short_call_s
        ) as short_call_s,
        coalesce(
            qualified_call_s_of[cloud_profile_id], qualified_call_s
        ) as qualified_call_s
    from chose_starts
    cross join outcomes
    cross join own_thresholds
),

judged as (
    select
        *,
        call_outcome = 'connected' as is_connected,
        call_outcome = 'abandoned' as is_abandoned,
        coalesce(queue_time <= service_level_s, false) as is_in_time,
        call_outcome = 'abandoned'
            and coalesce(queue_time < short_abandon_s, false)
            as is_short_abandon
    from named_outcomes
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
        service_level_s,
        is_connected,
        is_abandoned,
        is_short_abandon,
        is_in_time,
        is_connected and is_in_time as is_answered_in_time,
        is_connected or (
            is_abandoned and case service_level_formula
                when 'short_abandons_left_out' then not is_short_abandon
                when 'abandons_in_time_left_out' then not is_in_time
                when 'answered_only' then false
                else true
            end
        ) as is_service_level_counted,
        is_in_time and (
            is_connected
            or (
                is_abandoned
                and service_level_formula = 'abandons_in_time_for'
            )
        ) as is_service_level_met,
        is_connected
            and coalesce(connected_duration < short_call_s, false)
            as is_short_call,
        is_connected
            and coalesce(connected_duration >= qualified_call_s, false)
            as is_qualified,
        uii_started_at is not null as is_clock_from_uii,

        -- timestamps
        started_at,
        timezone(time_zone, started_at) as started_local,
        time_bucket(to_minutes(slot_minutes), started_at) as slot_at,
        enqueue_time as enqueued_at,
        dequeue_time as dequeued_at
    from judged
)

select * from derived
