-- grain: one row per account, cloud profile, ISO weekday and local half hour
-- formula: smallest number of agents n with 1 - C(n, a) exp(-(n - a) X / T) of 80 and of 90 %: C is Erlang's formula for a wait, a = calls x T / 1800 erlangs, T the mean talk, X = service_level_s
-- source: stg_half_hours
-- caveat: nobody gives up in this model, so it asks for more than is needed; no breaks, no wrap-up. Calls are a mean over the days of that weekday on which the account had any

with half_hours as (
    select * from stg_half_hours
),

placed as (
    select
        *,
        isodow(half_hour_local) as iso_weekday,
        half_hour_local::time as half_hour
    from half_hours
    where half_hour_at is not null
),

counted_days as (
    select
        account_id,
        iso_weekday,
        count(distinct half_hour_local::date) as n_days
    from placed
    group by account_id, iso_weekday
),

averaged as (
    select
        placed.account_id,
        placed.cloud_profile_id,
        placed.iso_weekday,
        placed.half_hour,
        latest_name(placed.profile_name, placed.half_hour_at) as profile_name,
        min(placed.service_level_s) as service_level_s,
        any_value(counted_days.n_days) as n_days,
        sum(placed.n_offered)::bigint as n_offered,
        sum(placed.n_offered) / any_value(counted_days.n_days) as mean_calls,
        sum(placed.talk_s) / nullif(sum(placed.n_talks), 0) as mean_talk_s
    from placed
    inner join counted_days
        on placed.account_id is not distinct from counted_days.account_id
        and placed.iso_weekday = counted_days.iso_weekday
    group by
        placed.account_id,
        placed.cloud_profile_id,
        placed.iso_weekday,
        placed.half_hour
),

loaded as (
    select
        *,
        mean_calls * mean_talk_s / 1800 as erlangs
    from averaged
),

-- Agents differ only where the load, the talk or the target does.
listed as (
    select distinct
        erlangs,
        mean_talk_s,
        service_level_s
    from loaded
    where erlangs is not null
),

tried as (
    select
        *,
        unnest(range(
            0, ceil(erlangs + 10 * sqrt(erlangs) + 20)::bigint
        )) as n_agents
    from listed
),

-- Terms of Poisson's distribution, each from its logarithm: none overflows.
weighed as (
    select
        *,
        case
            when erlangs > 0
                then exp(
                    n_agents * ln(erlangs) - erlangs - lgamma(n_agents + 1)
                )
            when n_agents = 0 then 1
            else 0
        end as weight
    from tried
),

blocked as (
    select
        *,
        weight / sum(weight) over (
            partition by erlangs, mean_talk_s, service_level_s
            order by n_agents
            rows unbounded preceding
        ) as blocking
    from weighed
),

waited as (
    select
        *,
        n_agents * blocking
        / (n_agents - erlangs * (1 - blocking)) as wait_rate
    from blocked
    where n_agents > erlangs
),

levelled as (
    select
        *,
        1 - wait_rate * case
            when mean_talk_s > 0
                then exp(
                    -(n_agents - erlangs) * service_level_s / mean_talk_s
                )
            else 0
        end as level
    from waited
),

staffed as (
    select
        erlangs,
        mean_talk_s,
        service_level_s,
        min(n_agents) filter (level >= 0.8) as n_agents_80,
        min(n_agents) filter (level >= 0.9) as n_agents_90
    from levelled
    group by erlangs, mean_talk_s, service_level_s
),

joined as (
    select
        loaded.account_id,
        loaded.cloud_profile_id,
        loaded.profile_name,
        loaded.iso_weekday,
        loaded.half_hour,
        loaded.n_days,
        loaded.n_offered,
        loaded.mean_calls,
        loaded.mean_talk_s,
        loaded.erlangs,
        loaded.service_level_s,
        staffed.n_agents_80,
        staffed.n_agents_90
    from loaded
    left join staffed
        on loaded.erlangs = staffed.erlangs
        and loaded.mean_talk_s = staffed.mean_talk_s
        and loaded.service_level_s = staffed.service_level_s
)

select * from joined
