-- grain: one row per account, cloud profile, its name, area code (NPA) of the caller and media market
-- formula: calls counted; npa = the first three of the number's ten digits, [2-9]xx but not x11
-- source: stg_calls
-- caveat: to be summed: counts that are kept by `cdr rollup` come in a row per data file

with calls as (
    select * from stg_calls
),

called as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        media_market,
        is_connected,
        is_qualified,
        caller(ani) as caller
    from calls
),

-- Codes that end in 11 are services, not areas.
counted as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        case
            when length(caller) = 10
                and caller between '2' and ':'
                and substr(caller, 2, 2) <> '11'
                then left(caller, 3)
        end as npa,
        media_market,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from called
    group by account_id, cloud_profile_id, profile_name, npa, media_market
)

select * from counted
