-- grain: one row in all
-- formula: a list with an element a week (of seven days of UTC from 1970-01-01): the offsets of both zones in quarters of an hour, (uii zone + 100) * 1000 + report zone + 100; NULL where either changes in the week or within two days of it
-- source: params
-- caveat: weeks of 2015 to 2035; it spares stg_calls a look into the zones' rules for each call, and what is NULL or not there is worked out by those rules

with params as (
    select * from main.params
),

-- Midnights do: no zone changes twice within six days.
midnights as (
    select
        weeks.range as week,
        make_timestamptz(
            (weeks.range * 7 + days.range) * 86400000000
        ) as midnight
    from range(2348, 3391) as weeks
    cross join range(-2, 10) as days
),

read_offsets as (
    select
        week,
        (epoch_us(timezone(uii_time_zone, midnight)) - epoch_us(midnight))
        // 900000000 as uii_offset,
        (epoch_us(timezone(time_zone, midnight)) - epoch_us(midnight))
        // 900000000 as local_offset
    from midnights
    cross join params
),

compared as (
    select
        week,
        case
            when min(uii_offset) = max(uii_offset)
                and min(local_offset) = max(local_offset)
                then (min(uii_offset) + 100) * 1000 + min(local_offset) + 100
        end as offsets
    from read_offsets
    group by week
),

listed as (
    select
        min(week) - 1 as week_before,
        list(offsets order by week) as offsets_of_week
    from compared
)

select * from listed
