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

listed_slots as (
    select
        account_id,
        unnest(generate_series(
            first_slot_at, last_slot_at, to_minutes(slot_minutes)
        )) as slot_at
    from found_spans
    cross join params
),

laid_grid as (
    select
        named_profiles.account_id,
        named_profiles.cloud_profile_id,
        listed_slots.slot_at
    from named_profiles
    inner join listed_slots
        on named_profiles.account_id
            is not distinct from listed_slots.account_id

    union all

    select
        account_id,
        cloud_profile_id,
        slot_at
    from counted
    where slot_at is null
),

filled as (
    select
        laid_grid.account_id,
        laid_grid.cloud_profile_id,
        named_profiles.profile_name,
        laid_grid.slot_at,
        timezone(params.time_zone, laid_grid.slot_at) as slot_local,
        coalesce(counted.n_offered, 0) as n_offered,
        coalesce(counted.n_connected, 0) as n_connected,
        coalesce(counted.n_abandoned, 0) as n_abandoned,
        coalesce(
            counted.n_offered - counted.n_connected - counted.n_abandoned, 0
        ) as n_other,
        coalesce(counted.talk_s, 0) as talk_s
    from laid_grid
    cross join params
    inner join named_profiles
        on laid_grid.account_id is not distinct from named_profiles.account_id
        and laid_grid.cloud_profile_id
            is not distinct from named_profiles.cloud_profile_id
    left join counted
        on laid_grid.account_id is not distinct from counted.account_id
        and laid_grid.cloud_profile_id
            is not distinct from counted.cloud_profile_id
        and laid_grid.slot_at is not distinct from counted.slot_at
)

select * from filled
