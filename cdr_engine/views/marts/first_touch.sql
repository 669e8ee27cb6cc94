-- grain: one row per account and media code that was the first of some caller
-- formula: callers whose first call with a code had this one; their calls within 30 days of it, those with another code or none, and qualified calls for each caller
-- source: stg_calls
-- caveat: knows telephones, not people, and nothing from before the first call on file; blocked numbers are left out

with calls as (
    select * from stg_calls
),

called as (
    select
        account_id,
        caller(ani) as caller,
        media_code,
        started_at,
        is_qualified
    from calls
    where started_at is not null
),

found_firsts as (
    select
        account_id,
        caller,
        min(started_at) as first_at,
        arg_min(media_code, (started_at, media_code)) as first_media_code
    from called
    where media_code is not null and caller is not null
    group by account_id, caller
),

followed as (
    select
        found_firsts.account_id,
        found_firsts.first_media_code,
        called.media_code,
        called.is_qualified
    from called
    inner join found_firsts
        on called.account_id is not distinct from found_firsts.account_id
        and called.caller = found_firsts.caller
    where
        called.started_at >= found_firsts.first_at
        and called.started_at < found_firsts.first_at + interval 30 days
),

counted as (
    select
        account_id,
        first_media_code,
        count(*) as n_calls,
        count(*) filter (
            media_code is distinct from first_media_code
        ) as n_cross_code_calls,
        count(*) filter (is_qualified) as n_qualified
    from followed
    group by account_id, first_media_code
),

counted_callers as (
    select
        account_id,
        first_media_code,
        count(*) as n_callers
    from found_firsts
    group by account_id, first_media_code
),

joined as (
    select
        counted.account_id,
        counted.first_media_code,
        n_callers,
        n_calls,
        n_cross_code_calls,
        n_qualified,
        n_qualified / n_callers as qualified_per_caller
    from counted
    inner join counted_callers
        on counted.account_id is not distinct from counted_callers.account_id
        and counted.first_media_code = counted_callers.first_media_code
)

select * from joined
