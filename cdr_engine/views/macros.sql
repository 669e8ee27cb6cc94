-- 95 % Wilson score interval of k successes in n trials, NULL where n is 0 or NULL.
create macro wilson_bound(k, n, z) as
    least(1, greatest(0,
        (k + z * z / 2 + z * sqrt(k * (n - k) / nullif(n, 0) + z * z / 4))
        / (n + z * z)
    ));

-- Without trials the root is NULL, and so is the bound: `least` would skip it.
create macro wilson_low(k, n) as
    case when n > 0 then wilson_bound(k, n, -1.959963984540054::double) end;

create macro wilson_high(k, n) as
    case when n > 0 then wilson_bound(k, n, 1.959963984540054::double) end;

-- The word of a result or disposition: 'answer (5)' is 'ANSWER'.
create macro result_word(result) as
    nullif(upper(trim(regexp_extract(result, '^[^(]*'))), '');

-- The clock in a uii's first 14 digits, a wall time; NULL where there is none.
create macro uii_clock(uii) as
    case when length(uii) >= 14
        then try_strptime(left(uii, 14), '%Y%m%d%H%M%S')
    end;

-- A start and an enqueue_time, which has only minutes, are of the same call.
create macro is_same_start(instant, enqueue_time, tolerance_s) as
    abs(
        epoch_ms(instant) // 60000 * 60000 - epoch_ms(enqueue_time)
    ) <= tolerance_s * 1000;

-- A moment that lies before every start that could be this call's.
create macro before_call(enqueue_time, tolerance_s) as
    enqueue_time - to_seconds(tolerance_s + 60);

-- The name at the latest start; of several at that start, the last in order.
create macro latest_name(name, started_at) as
    arg_max(name, (coalesce(started_at, '-infinity'::timestamptz), name));

-- The number a call came from; NULL where it is blocked ('anonymous') or empty.
create macro caller(ani) as
    case when left(ltrim(ani, '+( '), 1) between '0' and '9' then ani end;
