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

-- The value at a rank, from 0 on, among values that stand in rows by their
-- count: n_up_to is how many of those that are counted are not above it.
create macro value_of_rank(value, is_counted, n_up_to, n_below) as
    min(value) filter (is_counted and n_up_to > n_below);

-- Their quantile, between two values where it lies there, as quantile_cont has
-- it: n_all is how many are counted, in each row of the group.
create macro quantile_of_counts(value, is_counted, n_up_to, n_all, share) as
    value_of_rank(value, is_counted, n_up_to, floor((n_all - 1) * share::double))
    + max((n_all - 1) * share::double - floor((n_all - 1) * share::double)) * (
        value_of_rank(
            value, is_counted, n_up_to, ceil((n_all - 1) * share::double)
        )
        - value_of_rank(
            value, is_counted, n_up_to, floor((n_all - 1) * share::double)
        )
    );

-- The digits of a number: of '(555) 765-4321' or 'sip:5557654321@host'.
create macro number_digits(number) as
    regexp_replace(
        regexp_extract(
            number, '^(?i:sips?:|tel:)?[+( ]*([0-9][-0-9(). ]*)', 1
        ),
        '[^0-9]', '', 'g'
    );

-- A number in one form, without the North American 1. Switches send ANONYMOUS,
-- RESTRICTED, UNAVAILABLE, UNKNOWN and BLOCKED as the keys they are on, or 0.
create macro number_of_digits(digits) as
    case
        when ltrim(digits, '0') in (
            '', '266696687', '7378742833', '17378742833', '86282452253',
            '8656696', '2562533'
        ) then null
        when length(digits) = 11 and digits between '12' and '1:'
            then right(digits, 10)
        else digits
    end;

-- Who called, by number; NULL where it is blocked ('anonymous') or empty. Most
-- are ten digits, which need no closer look.
create macro caller(ani) as
    case
        when length(ani) = 10
            and ani between '2' and ':'
            and ani <> '7378742833'
            and try_cast(ani as ubigint) is not null
            then ani
        else number_of_digits(number_digits(ani))
    end;
