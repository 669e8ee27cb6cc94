-- grain: one row per account, ISCI code, media version and media length
-- formula: qualified_rate with its 95 % Wilson interval; z_against_rest = two-proportion z of that rate against all other creatives of the account
-- source: stg_calls, params
-- caveat: calls without an ISCI code are left out; among many creatives some z are large by chance: one in twenty beyond 1.96

with calls as (
    select * from stg_calls
),

params as (
    select * from main.params
),

counted as (
    select
        account_id,
        media_isci,
        media_version,
        media_length_s,
        count(*) as n_calls,
        count(*) filter (is_connected) as n_connected,
        count(*) filter (is_qualified) as n_qualified
    from calls
    where media_isci is not null
    group by account_id, media_isci, media_version, media_length_s
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
        n_qualified / n_calls as qualified_rate,
        (n_all_qualified - n_qualified) / nullif(n_all - n_calls, 0)
            as rest_rate,
        sqrt(
            (n_all_qualified / n_all) * (1 - n_all_qualified / n_all)
            * (1 / n_calls + 1 / nullif(n_all - n_calls, 0))
        ) as deviation
    from totalled
),

rated as (
    select
        account_id,
        media_isci,
        media_version,
        media_length_s,
        n_calls,
        n_connected,
        n_qualified,
        qualified_rate,
        wilson_low(n_qualified, n_calls) as rate_low,
        wilson_high(n_qualified, n_calls) as rate_high,
        rest_rate,
        (qualified_rate - rest_rate) / nullif(deviation, 0) as z_against_rest,
        -- ISCI: four letters, four digits. Ad-ID: eleven letters or digits,
        -- and H for high definition.
        regexp_full_match(media_isci, '[A-Z]{4}[0-9]{4}H?|[A-Z0-9]{11}H?')
            as is_creative_id,
        n_calls < small_sample as is_small_sample
    from compared
    cross join params
)

select * from rated
