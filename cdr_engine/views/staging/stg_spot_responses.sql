-- grain: one row per airing of the spot logs
-- formula: n_calls = calls of the code (and of the account, network and market that the spot names) within spot_response_minutes after it; baseline_calls = their mean at the same local time of the 8 weeks before, without weeks in which the code was aired then; n_response = n_calls - baseline_calls
-- source: stg_spots, stg_calls, params
-- caveat: a call belongs to the latest airing before it, of several at that moment to the one that names more, then to the first; NULL where the dataset has no calls from before and after the time that is asked for

with spots as (
    select * from stg_spots
),

calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

found_spans as (
    select
        account_id,
        min(started_at) as first_at,
        max(started_at) as last_at
    from calls
    group by account_id
),

-- An airing without an account looks at all of them.
all_spans as (
    select
        account_id,
        first_at,
        last_at
    from found_spans
    where account_id is not null

    union all

    select
        null,
        min(first_at),
        max(last_at)
    from found_spans
),

-- Week 0 is the airing itself, the others are the same time in earlier weeks.
opened_windows as (
    select
        spot_number,
        account_id,
        network,
        market,
        code_key,
        (network is not null)::integer
            + (market is not null)::integer as n_named,
        spot_response_minutes,
        week,
        case week
            when 0 then aired_at
            else timezone(time_zone, aired_local - to_days((7 * week)::integer))
        end as opens_at
    from spots
    cross join params
    cross join (select unnest(generate_series(0, 8)) as week) as weeks
),

closed_windows as (
    select
        opened_windows.*,
        opens_at + to_minutes(spot_response_minutes) as closes_at,
        epoch_ms(opens_at) // (spot_response_minutes * 60000) as bucket
    from opened_windows
),

windows as (
    select
        closed_windows.*,
        coalesce(
            opens_at >= first_at and closes_at <= last_at, false
        ) as is_observed
    from closed_windows
    left join all_spans
        on closed_windows.account_id is not distinct from all_spans.account_id
),

-- A window is as long as a bucket, so it lies in two of them: calls and windows
-- that may meet are found by equality.
buckets as (
    select * from windows

    union all

    select * replace (bucket + 1 as bucket) from windows
),

read_calls as (
    select
        calls.account_id,
        upper(media_code) as code_key,
        media_network,
        media_market,
        started_at,
        is_qualified,
        epoch_ms(started_at)
            // (params.spot_response_minutes * 60000) as bucket
    from calls
    cross join params
    where media_code is not null
),

near_calls as (
    select
        account_id,
        code_key,
        media_network,
        media_market,
        started_at,
        bucket,
        count(*) as n_calls,
        count(*) filter (is_qualified) as n_qualified
    from read_calls
    where (code_key, bucket) in (select code_key, bucket from buckets)
    group by
        account_id,
        code_key,
        media_network,
        media_market,
        started_at,
        bucket
),

attributed as (
    select
        week,
        arg_max(
            spot_number, row(opens_at, n_named, -spot_number)
        ) as spot_number,
        any_value(n_calls) as n_calls,
        any_value(n_qualified) as n_qualified
    from near_calls
    inner join buckets
        on near_calls.code_key = buckets.code_key
        and near_calls.bucket = buckets.bucket
    where started_at >= opens_at
        and started_at < closes_at
        and (
            buckets.account_id is null
            or buckets.account_id = near_calls.account_id
        )
        and (network is null or upper(network) = upper(media_network))
        and (market is null or upper(market) = upper(media_market))
    group by
        week,
        near_calls.account_id,
        near_calls.code_key,
        media_network,
        media_market,
        started_at
),

counted as (
    select
        spot_number,
        week,
        sum(n_calls)::bigint as n_calls,
        sum(n_qualified)::bigint as n_qualified
    from attributed
    group by spot_number, week
),

aired_weeks as (
    select distinct
        buckets.spot_number,
        buckets.week
    from buckets
    inner join buckets as aired
        on buckets.code_key = aired.code_key
        and buckets.bucket = aired.bucket
    where buckets.week > 0
        and aired.week = 0
        and buckets.opens_at < aired.closes_at
        and aired.opens_at < buckets.closes_at
        and (
            buckets.account_id is null
            or aired.account_id is null
            or buckets.account_id = aired.account_id
        )
),

chosen_weeks as (
    select
        windows.*,
        windows.week > 0
            and is_observed
            and aired_weeks.week is null as is_baseline
    from windows
    left join aired_weeks
        on windows.spot_number = aired_weeks.spot_number
        and windows.week = aired_weeks.week
),

compared as (
    select
        chosen_weeks.spot_number,
        bool_or(is_observed) filter (chosen_weeks.week = 0) as is_observed,
        coalesce(
            any_value(n_calls) filter (chosen_weeks.week = 0), 0
        ) as n_calls,
        coalesce(
            any_value(n_qualified) filter (chosen_weeks.week = 0), 0
        ) as n_qualified,
        count(*) filter (is_baseline) as n_baseline_weeks,
        avg(coalesce(n_calls, 0)) filter (is_baseline) as baseline_calls,
        avg(coalesce(n_qualified, 0))
            filter (is_baseline) as baseline_qualified
    from chosen_weeks
    left join counted
        on chosen_weeks.spot_number = counted.spot_number
        and chosen_weeks.week = counted.week
    group by chosen_weeks.spot_number
),

responses as (
    select
        spots.account_id,
        spots.aired_at,
        spots.code,
        spots.network,
        spots.market,
        spots.cost,
        case when is_observed then n_calls end as n_calls,
        baseline_calls,
        case when is_observed then n_calls - baseline_calls end as n_response,
        case when is_observed then n_qualified end as n_qualified,
        baseline_qualified,
        case when is_observed then n_qualified - baseline_qualified
        end as n_qualified_response,
        n_baseline_weeks,
        spots.aired_local,
        spots.line
    from spots
    inner join compared on spots.spot_number = compared.spot_number
)

select * from responses
