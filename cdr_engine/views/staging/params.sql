-- grain: one row in all
-- formula: thresholds and zones that the other views share
-- source: session TimeZone; usual call centre thresholds
-- caveat: thresholds are the same for every profile

select
    current_setting('TimeZone') as time_zone,
    'America/New_York' as uii_time_zone,
    120 as clock_tolerance_s,
    15 as slot_minutes,
    20 as service_level_s,
    5 as short_abandon_s,
    120 as qualified_call_s
