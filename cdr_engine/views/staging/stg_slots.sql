-- grain: one row per account, cloud profile and 15 minutes, from the account's first call to its last
-- formula: calls by the 15 minutes they started in, and 0 where there are none
-- source: stg_slot_counts, params
-- caveat: slots are steps of UTC, so a DST day has 92 or 100; calls without any time are in a slot that is NULL

with counts as (
    select * from stg_slot_counts
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        cloud_profile_id,
        slot_at,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(n_offered)::bigint as n_offered,
        sum(n_connected)::bigint as n_connected,
        sum(n_abandoned)::bigint as n_abandoned,
        sum(talk_s)::bigint as talk_s
    from counts
    group by account_id, cloud_profile_id, slot_at
),

found_spans as (
    select
        account_id,
        min(slot_at) as first_slot_at,
        max(slot_at) as last_slot_at
    from counted
    group by account_id
),

named_profiles as (
    select
        account_id,
        cloud_profile_id,
        latest_name(profile_name, slot_at) as profile_name
    from counted
    group by account_id, cloud_profile_id
),

-- An account is one row before this, and DuckDB gives a row to one thread. What
-- is materialized is read by all.
listed_slots as materialized (
    select
        account_id,
        unnest(generate_series(
            first_slot_at, last_slot_at, to_minutes(slot_minutes)
        )) as slot_at
    from found_spans
    cross join params
),

placed_slots as (
    select
        listed_slots.*,
        timezone(params.time_zone, slot_at) as slot_local
    from listed_slots
    cross join params
),

empty_slots as (
    select
        named_profiles.account_id,
        named_profiles.cloud_profile_id,
        named_profiles.profile_name,
        placed_slots.slot_at,
        placed_slots.slot_local
    from placed_slots
    inner join named_profiles
        on placed_slots.account_id
            is not distinct from named_profiles.account_id
    anti join counted
        on named_profiles.account_id is not distinct from counted.account_id
        and named_profiles.cloud_profile_id
            is not distinct from counted.cloud_profile_id
        and placed_slots.slot_at = counted.slot_at
),

filled as (
    select
        counted.account_id,
        counted.cloud_profile_id,
        named_profiles.profile_name,
        slot_at,
        timezone(params.time_zone, slot_at) as slot_local,
        n_offered,
        n_connected,
        n_abandoned,
        n_offered - n_connected - n_abandoned as n_other,
        talk_s
    from counted
    cross join params
    inner join named_profiles
        on counted.account_id is not distinct from named_profiles.account_id
        and counted.cloud_profile_id
            is not distinct from named_profiles.cloud_profile_id

    union all

    select
        *,
        0,
        0,
        0,
        0,
        0
    from empty_slots
)

select * from filled
