-- The last day of which the books say anything, as they stood at a time. NULL while they are empty.
-- Without a time it costs the totals by month, those of the days of the newest month that stands, and the lines since.
CREATE OR REPLACE FUNCTION reporting_internal.latest_posting_day(is_live boolean, known_at timestamptz) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    WITH since AS MATERIALIZED (
        SELECT posting_day, sum(entry) AS entries
        FROM reporting_internal.line_since
        WHERE known_at IS NULL AND livemode = is_live
        GROUP BY posting_day
    ),

    newest AS (
        SELECT posting_month
        FROM (
            SELECT posting_month, entries
            FROM giftcert.month_total
            WHERE known_at IS NULL AND livemode = is_live

            UNION ALL

            SELECT date_trunc('month', posting_day::timestamp)::date, entries
            FROM since
        ) AS month
        GROUP BY posting_month
        HAVING sum(entries) > 0
        ORDER BY posting_month DESC
        LIMIT 1
    )

    SELECT posting_day
    FROM (
        SELECT posting_day, entries
        FROM giftcert.journal_total
        -- An upper bound, so that the planner expects few of them, and reads those only.
        WHERE livemode = is_live AND posting_day BETWEEN (SELECT posting_month FROM newest) AND 'infinity'

        UNION ALL

        SELECT posting_day, entries
        FROM since

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
