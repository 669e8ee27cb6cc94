-- grain: one row per account, ISCI code, media version and media length
-- formula: qualified_rate = qualified calls / calls, with its 95 % Wilson interval; z_against_rest = two-proportion z of it against the account's other creatives; is_isci_or_ad_id = four letters and four digits, or Ad-ID's eleven letters and digits that begin with a letter, and H or D behind
-- source: stg_day_creatives, params
-- caveat: calls without an ISCI code are left out. Of many creatives one in twenty is beyond z = 1.96 by chance; what runs in better slots looks better. A form that is not known is no error

with creatives as (
    select * from stg_day_creatives
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        media_isci,
        media_version,
        media_length,
        any_value(media_length_s) as media_length_s,
        sum(n_calls)::bigint as n_calls,
        sum(n_connected)::bigint as n_connected,
        sum(n_qualified)::bigint as n_qualified
    from creatives
    group by account_id, media_isci, media_version, media_length
),

totalled as (
    select
        *,
        sum(n_calls) over (partition by account_id)::bigint as n_all,
        sum(n_qualified) over (partition by account_id)::bigint
            as n_all_qualified
    from counted
),

compared as (
    select
        *,
        n_all - n_calls as n_rest,
        (n_all_qualified - n_qualified)
        / nullif(n_all - n_calls, 0) as rest_rate,
        n_qualified / n_calls as qualified_rate,
        -- Between integers: of rates the rounding would be left where it is 0.
        sqrt(
            n_all_qualified * (n_all - n_all_qualified)
            / (n_calls * nullif(n_all - n_calls, 0)) / n_all
        ) as rate_deviation
    from totalled
),

rated as (
    select
        account_id,
        media_isci,
        media_version,
        media_length,
        media_length_s,
        n_calls,
        n_connected,
        n_qualified,
        qualified_rate,
        wilson_low(n_qualified, n_calls) as rate_low,
        wilson_high(n_qualified, n_calls) as rate_high,
        n_rest,
        rest_rate,
        (qualified_rate - rest_rate) / nullif(rate_deviation, 0)
            as z_against_rest,
        regexp_full_match(
            media_isci, '[A-Z]{4}[0-9]{4}[HD]?|[A-Z][A-Z0-9]{10}[HD]?'
        ) as is_isci_or_ad_id,
        n_calls < small_sample as is_small_sample
    from compared
    cross join params
)

select * from rated
