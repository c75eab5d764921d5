-- The last day of which the books say anything, as they stood at a time. NULL while they are empty.
CREATE OR REPLACE FUNCTION reporting_internal.latest_posting_day(is_live boolean, known_at timestamptz) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT posting_day
    FROM (
        SELECT posting_day, entries
        FROM reporting_internal.total
        WHERE known_at IS NULL AND livemode = is_live

        UNION ALL

        SELECT posting_day, entry
        FROM giftcert.journal
        WHERE known_at IS NOT NULL AND livemode = is_live AND booked_at <= known_at
    ) AS line
    GROUP BY posting_day
    HAVING sum(entries) > 0
    ORDER BY posting_day DESC
    LIMIT 1
$$;
