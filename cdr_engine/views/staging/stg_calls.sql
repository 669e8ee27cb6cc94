-- grain: one row per call
-- formula: columns of the report, typed; started_at is the uii's clock where it agrees with enqueue_time, else enqueue_time
-- source: calls, params, stg_zones, stg_profile_params, stg_call_results
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

zones as (
    select * from stg_zones
),

read_digits as (
    select
        calls.*,
        params.*,
        result_word(call_result) as call_result_word,
        try_cast(left(uii, 14) as bigint) as uii_digits,
        epoch_us(enqueue_time) as enqueued_us,
        -- Element 0 is NULL, and those below it would count from the end.
        offsets_of_week[
            greatest(epoch_us(enqueue_time) // 604800000000 - week_before, 0)
        ] as offsets
    from calls
    cross join params
    cross join zones
),

placed_walls as (
    select
        *,
        (offsets % 1000 - 100) * 900 as local_offset_s,
        (offsets // 1000 - 100) * 900 as uii_offset_s,
        make_timestamp(
            enqueued_us + (offsets // 1000 - 100) * 900000000
        ) as enqueued_wall
    from read_digits
),

read_times as (
    select
        *,
        uii_digits - 1000000 * (
            year(enqueued_wall) * 10000
            + month(enqueued_wall) * 100
            + day(enqueued_wall)
        ) as time_digits
    from placed_walls
),

-- Nearly all clocks are of the day of enqueue_time, and no change of a zone is
-- near: arithmetic does, hhmmss - hhmm * 40 - hh * 2400 being seconds. Digits
-- that end in 00 may also be 1e2 or the like.
read_plainly as (
    select
        *,
        case
            when time_digits between 0 and 235959
                and time_digits % 10000 < 6000
                and time_digits % 100 < 60
                and (
                    time_digits % 100 > 0
                    or left(uii, 14) = uii_digits::varchar
                )
                then epoch_us(enqueued_wall) // 86400000000 * 86400
                    + time_digits
                    - time_digits // 100 * 40
                    - time_digits // 10000 * 2400
                    - uii_offset_s
        end as plain_s
    from read_times
),

read_clocks as (
    select
        *,
        case when plain_s is null then uii_clock(uii) end as clock
    from read_plainly
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
            when clock is not null and agreed_at is null
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
            when plain_s is not null
                then case
                    when abs(plain_s // 60 * 60000000 - enqueued_us)
                        <= clock_tolerance_s * 1000000::bigint
                        then plain_s * 1000000
                end
            when agreed_at is not null
                then epoch_us(agreed_at)
            when is_same_start(first_pass_at, enqueue_time, clock_tolerance_s)
                and timezone(uii_time_zone, first_pass_at) = clock
                then epoch_us(first_pass_at)
        end as uii_started_us
    from read_first_passes
),

named_outcomes as (
    select
        * exclude (
            service_level_s, short_abandon_s, short_call_s, qualified_call_s
        ),
        coalesce(uii_started_us, enqueued_us) as started_us,
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
        make_timestamptz(started_us) as started_at,
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
        uii_started_us is not null as is_clock_from_uii,

        -- timestamps
        started_at,
        case
            when local_offset_s is null
                then timezone(time_zone, started_at)
            else make_timestamp(started_us + local_offset_s * 1000000)
        end as started_local,
        case
            when started_us < 0
                then time_bucket(to_minutes(slot_minutes), started_at)
            else make_timestamptz(
                started_us - started_us % (slot_minutes * 60000000::bigint)
            )
        end as slot_at,
        enqueue_time as enqueued_at,
        dequeue_time as dequeued_at
    from judged
)

select * from derived
