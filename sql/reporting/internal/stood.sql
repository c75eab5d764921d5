-- What stood when a posting day ended, as the books said at a time, by account, currency and issuing station.
-- Without a time it costs what has been posted since the totals were kept, and the days of its own month.
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
    -- A timestamp ends long before a date does, and all that was ever posted lies in these years.
    WITH month AS (
        SELECT date_trunc('month', greatest('0001-01-01', least(day, '9999-12-31')) + interval '1 day')::date AS begins
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
        FROM giftcert.journal_total
        WHERE known_at IS NULL AND livemode = is_live AND posting_month < (SELECT begins FROM month)

        UNION ALL

        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entry
        FROM reporting_internal.line_since
        WHERE known_at IS NULL AND livemode = is_live AND posting_day < (SELECT begins FROM month)

        UNION ALL

        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entry
        FROM reporting_internal.line
        WHERE known_at IS NULL AND livemode = is_live AND posting_day BETWEEN (SELECT begins FROM month) AND day

        UNION ALL

        SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates, entry
        FROM reporting_internal.line
        WHERE livemode = is_live AND booked_at <= known_at AND posting_day <= day
    ) AS line
    GROUP BY account_id, currency, issuing_station_id
    HAVING sum(entries) > 0
$$;
