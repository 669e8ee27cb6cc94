-- grain: one row per account and media code that was a caller's first
-- formula: callers by the code of their first call that had one, and of their calls from that one to first_touch_days after: all, those with another code, qualified; qualified_caller_rate = callers with a qualified call / callers, with its 95 % Wilson interval
-- source: stg_calls, params
-- caveat: a path of telephones, not of people, and nothing before the dataset begins. Of n_callers only n_callers_followed had all those days before the account's last call. Of codes in the same second the first in order; blocked numbers and calls without any time are left out

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

placed as (
    select
        account_id,
        caller(ani) as caller,
        media_code,
        epoch_ms(started_at) as started_ms,
        is_qualified
    from calls
    where started_at is not null
),

found_ends as (
    select
        account_id,
        max(started_ms) as last_ms
    from placed
    group by account_id
),

found_firsts as (
    select
        account_id,
        caller,
        min(started_ms) as first_ms,
        arg_min(media_code, (started_ms, media_code)) as first_media_code
    from placed
    where media_code is not null and caller is not null
    group by account_id, caller
),

bounded as (
    select
        found_firsts.*,
        first_ms + first_touch_days * 86400000::bigint as until_ms
    from found_firsts
    cross join params
),

followed as (
    select
        bounded.account_id,
        bounded.caller,
        bounded.first_media_code,
        any_value(bounded.until_ms) as until_ms,
        count(*) as n_calls,
        count(*) filter (
            placed.media_code <> bounded.first_media_code
        ) as n_cross_code_calls,
        count(*) filter (placed.is_qualified) as n_qualified
    from placed
    inner join bounded
        on placed.account_id is not distinct from bounded.account_id
        and placed.caller = bounded.caller
        and placed.started_ms between bounded.first_ms and bounded.until_ms
    group by
        bounded.account_id,
        bounded.caller,
        bounded.first_media_code
),

counted as (
    select
        followed.account_id,
        followed.first_media_code,
        count(*) as n_callers,
        count(*) filter (
            followed.until_ms <= found_ends.last_ms
        ) as n_callers_followed,
        sum(followed.n_calls)::bigint as n_calls,
        sum(followed.n_cross_code_calls)::bigint as n_cross_code_calls,
        sum(followed.n_qualified)::bigint as n_qualified,
        count(*) filter (followed.n_qualified > 0) as n_qualified_callers
    from followed
    inner join found_ends
        on followed.account_id is not distinct from found_ends.account_id
    group by followed.account_id, followed.first_media_code
),

rated as (
    select
        counted.*,
        n_qualified / n_callers as qualified_per_caller,
        n_qualified_callers / n_callers as qualified_caller_rate,
        wilson_low(n_qualified_callers, n_callers) as rate_low,
        wilson_high(n_qualified_callers, n_callers) as rate_high,
        n_callers < small_sample as is_small_sample
    from counted
    cross join params
)

select * from rated
