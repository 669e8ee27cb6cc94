-- grain: one row per account, cloud profile and 15 minutes in which a call starts or ends
-- formula: peak_concurrent = most calls under way at one moment of the slot, the ones that go on from before among them; a call lasts inbound_duration from its start, and one that ends makes room before one that starts
-- source: stg_calls, params
-- caveat: slots in which no call starts or ends are absent; where starts have minutes only the peak is too high

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

lasting as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        started_at,
        started_at + to_seconds(inbound_s) as ended_at
    from calls
    where started_at is not null and inbound_s > 0
),

changed as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        started_at as changed_at,
        1 as step
    from lasting

    union all

    select
        account_id,
        cloud_profile_id,
        profile_name,
        ended_at,
        -1
    from lasting
),

-- What changes at one moment is taken together, so ends are before starts.
counted as (
    select
        *,
        sum(step) over (
            partition by account_id, cloud_profile_id
            order by changed_at
        ) as n_concurrent
    from changed
),

summed as (
    select
        account_id,
        cloud_profile_id,
        time_bucket(to_minutes(slot_minutes), changed_at) as slot_at,
        latest_name(profile_name, changed_at) as profile_name,
        min(changed_at) as first_changed_at,
        max(n_concurrent) as most_concurrent,
        sum(step) as step
    from counted
    cross join params
    group by account_id, cloud_profile_id, slot_at
),

carried as (
    select
        *,
        sum(step) over (
            partition by account_id, cloud_profile_id
            order by slot_at
            rows unbounded preceding
        ) - step as n_before
    from summed
),

peaked as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        slot_at,
        greatest(
            most_concurrent,
            case when first_changed_at > slot_at then n_before end
        )::bigint as peak_concurrent
    from carried
),

placed as (
    select
        peaked.*,
        timezone(params.time_zone, slot_at) as slot_local
    from peaked
    cross join params
)

select * from placed
