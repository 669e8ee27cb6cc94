-- grain: one row per airing of the spot logs
-- formula: columns of the log, typed; code_key is the code without regard to case; spot_number tells airings apart within one answer
-- source: spots, params
-- caveat: an airing without an account is compared with the calls of all accounts

with spots as (
    select * from main.spots
),

params as (
    select * from main.params
),

derived as (
    select
        row_number() over (
            order by
                aired_at,
                line,
                code,
                network,
                market,
                account_id,
                cost
        ) as spot_number,
        account_id,
        aired_at,
        timezone(time_zone, aired_at) as aired_local,
        network,
        market,
        code,
        upper(code) as code_key,
        cost,
        line
    from spots
    cross join params
)

select * from derived
