-- grain: one row per account and DNIS
-- formula: first and last call, calls, media codes and cloud profiles of the number; is_ambiguous = more than one code; days_silent = local days from its last call to the account's
-- source: stg_calls
-- caveat: a number that is used again for another code breaks attribution: is_ambiguous says where, not when

with calls as (
    select * from stg_calls
),

counted as (
    select
        account_id,
        dnis,
        min(started_at) as first_called_at,
        max(started_at) as last_called_at,
        max(started_local)::date as last_day,
        count(*) as n_calls,
        count(distinct media_code) as n_media_codes,
        count(distinct cloud_profile_id) as n_profiles
    from calls
    group by account_id, dnis
),

compared as (
    select
        account_id,
        dnis,
        first_called_at,
        last_called_at,
        n_calls,
        n_media_codes,
        n_profiles,
        n_media_codes > 1 as is_ambiguous,
        max(last_day) over (partition by account_id) - last_day as days_silent
    from counted
)

select * from compared
