-- grain: one row per account, code, network and market of the spot logs; account_id is NULL where the log names none
-- formula: cost_per_call = cost / n_response, cost_per_qualified_call = cost / n_qualified_response, over the n_spots_compared whose cost, calls and baseline are known
-- source: stg_spot_responses, params
-- caveat: NULL where the airings brought no more calls than such times have anyway; cost and n_calls are of all n_spots, in the currency of the log

with responses as (
    select * from stg_spot_responses
),

params as (
    select * from main.params
),

compared as (
    select
        *,
        cost is not null and n_response is not null as is_compared
    from responses
),

summed as (
    select
        account_id,
        code,
        network,
        market,
        count(*) as n_spots,
        count(cost) as n_spots_with_cost,
        sum(cost) as cost,
        sum(n_calls)::bigint as n_calls,
        sum(n_qualified)::bigint as n_qualified,
        count(*) filter (is_compared) as n_spots_compared,
        sum(cost) filter (is_compared) as cost_compared,
        sum(n_response) filter (is_compared) as n_response,
        sum(n_qualified_response) filter (is_compared) as n_qualified_response
    from compared
    group by account_id, code, network, market
),

divided as (
    select
        summed.*,
        case when n_response > 0 then cost_compared::double / n_response
        end as cost_per_call,
        case
            when n_qualified_response > 0
                then cost_compared::double / n_qualified_response
        end as cost_per_qualified_call,
        coalesce(n_calls, 0) < params.small_sample as is_small_sample
    from summed
    cross join params
)

select * from divided
