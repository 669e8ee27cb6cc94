-- grain: one row per account, local day and cloud profile
-- formula: repeat_rate = connected calls whose caller calls the profile again within repeat_days / connected calls, with its 95 % Wilson interval; first_contact_rate = 1 - repeat_rate
-- source: stg_calls, params
-- caveat: a proxy of first contact resolution; the account's last repeat_days are left out, as who calls again is not known yet; blocked numbers are left out and counted; people share telephones

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

called as (
    select
        account_id,
        cloud_profile_id,
        profile_name,
        caller(ani) as caller,
        started_at,
        started_local::date as day,
        is_connected
    from calls
    where started_at is not null
),

followed as (
    select
        *,
        case
            when caller is not null
                then lead(started_at) over (
                    partition by account_id, cloud_profile_id, caller
                    order by started_at
                )
        end as next_at
    from called
),

found_ends as (
    select
        account_id,
        max(started_at) as last_at
    from called
    group by account_id
),

counted as (
    select
        followed.account_id,
        followed.day,
        followed.cloud_profile_id,
        latest_name(followed.profile_name, followed.started_at)
            as profile_name,
        count(*) filter (followed.caller is not null) as n_connected,
        count(*) filter (
            followed.next_at < followed.started_at + to_days(repeat_days)
        ) as n_repeated,
        count(*) filter (followed.caller is null) as n_blocked
    from followed
    cross join params
    inner join found_ends
        on followed.account_id is not distinct from found_ends.account_id
    where
        followed.is_connected
        and followed.started_at <= found_ends.last_at - to_days(repeat_days)
    group by followed.account_id, followed.day, followed.cloud_profile_id
),

rated as (
    select
        *,
        n_repeated / nullif(n_connected, 0) as repeat_rate,
        wilson_low(n_repeated, n_connected) as rate_low,
        wilson_high(n_repeated, n_connected) as rate_high,
        1 - n_repeated / nullif(n_connected, 0) as first_contact_rate
    from counted
)

select * from rated
