-- grain: one row per account and DNIS
-- formula: first and last call of the number, calls, media codes and cloud profiles; is_ambiguous = more than one media code; days_silent = local days from its last call to the account's last
-- source: stg_day_numbers
-- caveat: a number that is used again for another code breaks attribution: is_ambiguous says where, not when. n_without_code counts its calls that had no code

with numbers as (
    select * from stg_day_numbers
),

listed as (
    select
        account_id,
        dnis,
        min(first_started_at) as first_seen_at,
        max(last_started_at) as last_seen_at,
        max(day) as last_day,
        sum(numbers.n_calls)::bigint as n_calls,
        coalesce(sum(numbers.n_calls) filter (media_code is null), 0)::bigint
            as n_without_code,
        count(distinct media_code) as n_media_codes,
        count(distinct cloud_profile_id) as n_profiles
    from numbers
    group by account_id, dnis
),

compared as (
    select
        account_id,
        dnis,
        first_seen_at,
        last_seen_at,
        n_calls,
        n_without_code,
        n_media_codes,
        n_profiles,
        n_media_codes > 1 as is_ambiguous,
        max(last_day) over (partition by account_id) - last_day as days_silent
    from listed
)

select * from compared
