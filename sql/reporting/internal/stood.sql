-- What stood when a posting day ended, as the books said at a time, by account, currency and issuing station.
-- Without a time it costs the totals of the months before that day's, those of the days of its own, and the lines since.
CREATE OR REPLACE FUNCTION reporting_internal.stood(is_live boolean, day date, known_at timestamptz)
RETURNS TABLE (
    account_id text,
    currency text,
    issuing_station_id text,
    change numeric,
    change_at_consideration numeric,
    negative numeric,
    certificates bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH month AS (
        -- Books hold days of the years 1 to 9999; infinity has no month.
        SELECT date_trunc('month', least(greatest(day, '0001-01-01'), '9999-12-31')::timestamp)::date AS first_day
    )

    SELECT
        account_id,
        currency,
        issuing_station_id,
        sum(change),
        sum(change_at_consideration),
        sum(negative),
        sum(certificates)::bigint
    FROM (
        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entries
        FROM giftcert.month_total
        WHERE known_at IS NULL AND livemode = is_live AND posting_month < (SELECT first_day FROM month)

        UNION ALL

        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entries
        FROM giftcert.journal_total
        WHERE known_at IS NULL AND livemode = is_live AND posting_day BETWEEN (SELECT first_day FROM month) AND day

        UNION ALL

        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entry
        FROM reporting_internal.line_since
        -- IS TRUE, so that they are found by their numbers alone: the index by day would name all older pages first.
        WHERE known_at IS NULL AND livemode = is_live AND (posting_day <= day) IS TRUE

        UNION ALL

        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entry
        FROM reporting_internal.line
        WHERE known_at IS NOT NULL AND livemode = is_live AND booked_at <= known_at AND posting_day <= day
    ) AS line
    GROUP BY account_id, currency, issuing_station_id
    HAVING sum(entries) > 0
$$;
