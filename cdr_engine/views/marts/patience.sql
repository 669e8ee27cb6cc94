-- grain: one row per account, cloud profile and second of waiting at which some call was answered, given up or ended otherwise
-- formula: Kaplan and Meier's estimate: survival_rate = product of (1 - gave up / still waiting) up to the second, with the 95 % interval of Greenwood's deviation; a call that did not give up is taken out at its second
-- source: stg_day_waits
-- caveat: the last seconds rest on few calls: see n_at_risk; calls without a queue_time are left out

with waits as (
    select * from stg_day_waits
),

counted as (
    select
        account_id,
        cloud_profile_id,
        queue_s,
        latest_name(profile_name, last_started_at) as profile_name,
        sum(waits.n_calls)::bigint as n_calls,
        coalesce(sum(waits.n_calls) filter (is_abandoned), 0)::bigint
            as n_abandoned
    from waits
    where queue_s is not null
    group by account_id, cloud_profile_id, queue_s
),

at_risk as (
    select
        *,
        sum(n_calls) over (
            partition by account_id, cloud_profile_id
            order by queue_s desc
            rows unbounded preceding
        )::bigint as n_at_risk
    from counted
),

survived as (
    select
        *,
        -- A product is the exponential of a sum. Once all gave up it is 0.
        case
            when bool_or(n_abandoned = n_at_risk) over so_far then 0
            else exp(sum(
                case
                    when n_abandoned < n_at_risk
                        then ln(1 - n_abandoned / n_at_risk)
                end
            ) over so_far)
        end as survival_rate,
        sqrt(sum(
            case
                when n_abandoned < n_at_risk
                    then n_abandoned / (n_at_risk * (n_at_risk - n_abandoned))
            end
        ) over so_far) as deviation
    from at_risk
    window so_far as (
        partition by account_id, cloud_profile_id
        order by queue_s
        rows unbounded preceding
    )
),

named as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        queue_s,
        n_at_risk,
        n_abandoned,
        n_calls - n_abandoned as n_censored,
        survival_rate,
        greatest(0, survival_rate * (1 - 1.959963984540054 * deviation))
            as rate_low,
        least(1, survival_rate * (1 + 1.959963984540054 * deviation))
            as rate_high
    from survived
)

select * from named
