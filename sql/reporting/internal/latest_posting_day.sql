-- The last day of which the books say anything, as they stood at a time. NULL while they are empty.
-- The totals tell in which month it is, unless all of its lines have been taken back.
CREATE OR REPLACE FUNCTION reporting_internal.latest_posting_day(is_live boolean, known_at timestamptz) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT coalesce(
        (
            SELECT posting_day
            FROM giftcert.journal
            WHERE known_at IS NULL
                AND livemode = is_live
                AND posting_day >= (SELECT max(posting_month) FROM giftcert.journal_total WHERE livemode = is_live)
            GROUP BY posting_day
            HAVING sum(entry) > 0
            ORDER BY posting_day DESC
            LIMIT 1
        ),
        (
            SELECT posting_day
            FROM giftcert.journal
            WHERE livemode = is_live AND booked_at <= coalesce(known_at, 'infinity')
            GROUP BY posting_day
            HAVING sum(entry) > 0
            ORDER BY posting_day DESC
            LIMIT 1
        )
    )
$$;
