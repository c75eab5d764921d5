-- The roll-forward from one day to another, by 'day', by 'month', or as one 'span', of live or of test traffic.
-- Two paths that meet only where the figures are right: the movements run forwards through the history; the closing
-- balance runs backwards from today's certificates, or from the history where a certificate has moved since.
-- Certificates that have rested since before the first day are only counted: their history is passed over.
-- A function, so that it can bring its own memory: it sorts what it reads, and compiling costs more than it saves.
CREATE OR REPLACE FUNCTION reporting_internal.rollforward(
    grain text,
    is_live boolean,
    first_day date,
    last_day date
)
RETURNS TABLE (
    period date,
    account_id text,
    currency text,
    issuing_station_id text,
    opening numeric,
    issued numeric,
    adjusted_up numeric,
    redeemed numeric,
    adjusted_down numeric,
    voided numeric,
    closing numeric,
    difference numeric,
    of_which_first_seen numeric
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '1GB'
SET jit = off
AS $$
    -- A day begins first on a clock that is 14 hours ahead of UTC, and ends last on one that is 12 behind: what happens
    -- before begins_at is posted before the first day, what happens from ends_at on after the last one.
    WITH span AS (
        SELECT
            (first_day::timestamp - interval '14 hours') AT TIME ZONE 'UTC' AS begins_at,
            ((last_day + 1)::timestamp + interval '12 hours') AT TIME ZONE 'UTC' AS ends_at
    ),

    -- What moved in the span, or has since. Whatever else there is has rested since before the span.
    moved AS MATERIALIZED (
        SELECT
            certificate_id,
            account_id,
            currency,
            issuing_station_id,
            CASE WHEN began_at < (SELECT begins_at FROM span) THEN began_at END AS begun_before,
            updated_at >= (SELECT ends_at FROM span) AS has_moved_since
        FROM reporting_internal.certificate_state
        WHERE livemode = is_live AND updated_at >= (SELECT begins_at FROM span)
    ),

    event AS (
        SELECT
            certificate_id,
            occurred_at,
            emitted_at,
            kind,
            coalesce(transactions_paid, -1) AS transactions_paid,
            event_id,
            deleted,
            CASE WHEN deleted THEN 0 ELSE balance END AS balance_after,
            (occurred_at AT TIME ZONE coalesce(zone.name, local_zone.name))::date AS local_day
        FROM giftcert.certificate_history AS history
        CROSS JOIN reporting_internal.local_zone
        LEFT JOIN giftcert.time_zone AS zone ON zone.name = station_time_zone
        WHERE livemode = is_live
            AND occurred_at < (SELECT ends_at FROM span)
            AND (
                occurred_at >= (SELECT begins_at FROM span)
                OR occurred_at >= (SELECT min(begun_before) FROM moved)
                AND certificate_id IN (SELECT certificate_id FROM moved WHERE begun_before IS NOT NULL)
            )
            -- What is dated before its purchase happened with it, after the span; and what was created again changes
            -- nothing.
            AND NOT EXISTS (
                SELECT
                FROM reporting_internal.certificate_digest AS digest
                WHERE digest.certificate_id = history.certificate_id
                    AND digest.livemode = is_live
                    AND (
                        digest.purchased_at >= (SELECT ends_at FROM span)
                        OR history.kind = 'created' AND history.event_id <> digest.purchase_event_id
                    )
            )
    ),

    -- The rules of reporting_internal.movement, for what little is needed here.
    story AS (
        SELECT
            certificate_id,
            kind,
            deleted,
            balance_after,
            coalesce(lag(balance_after) OVER so_far, 0) AS balance_before,
            lag(balance_after) OVER so_far IS NULL AS is_first,
            max(local_day) OVER so_far AS posting_day
        FROM event
        WINDOW so_far AS (
            PARTITION BY certificate_id
            ORDER BY kind <> 'created', occurred_at, emitted_at, kind, transactions_paid, event_id
            ROWS UNBOUNDED PRECEDING
        )
    ),

    by_movement AS MATERIALIZED (
        SELECT
            moved.account_id,
            coalesce(moved.currency, 'unspecified') AS currency,
            moved.issuing_station_id,
            moved.has_moved_since,
            CASE
                WHEN story.posting_day < first_day THEN '-infinity'
                WHEN story.posting_day > last_day THEN 'infinity'
                WHEN grain = 'span' THEN first_day
                ELSE date_trunc(grain, story.posting_day::timestamp)::date
            END AS period,
            reporting_internal.movement_name(is_first, kind, deleted, balance_before, balance_after) AS movement,
            sum(story.balance_after) - sum(story.balance_before) AS change
        FROM story
        -- LEFT: a history whose certificate is missing must not close.
        LEFT JOIN moved USING (certificate_id)
        GROUP BY 1, 2, 3, 4, 5, 6
    ),

    -- Account, currency and issuing station make a book; an unknown station is one like any other. A book may have
    -- certificates and no movement, or the reverse: then the two paths differ, and that has to show.
    book AS MATERIALIZED (
        SELECT
            row_number() OVER () AS book,
            account_id,
            currency,
            issuing_station_id,
            sum(opening) AS opening,
            sum(closing) AS closing,
            bool_or(is_open) AS is_open
        FROM (
            SELECT
                account_id,
                currency,
                issuing_station_id,
                CASE WHEN updated_at < (SELECT begins_at FROM span) THEN balance ELSE 0 END AS opening,
                CASE WHEN updated_at < (SELECT ends_at FROM span) THEN balance ELSE 0 END AS closing,
                updated_at < (SELECT begins_at FROM span) AS is_open
            FROM reporting_internal.certificate_state
            WHERE livemode = is_live

            UNION ALL

            SELECT
                account_id,
                currency,
                issuing_station_id,
                CASE WHEN period = '-infinity' THEN change ELSE 0 END,
                CASE
                    WHEN has_moved_since THEN CASE WHEN period < 'infinity' THEN change ELSE 0 END
                    WHEN period = 'infinity' THEN -change
                    ELSE 0
                END,
                period < 'infinity'
            FROM by_movement
        ) AS entry
        GROUP BY account_id, currency, issuing_station_id
    ),

    by_period AS (
        SELECT
            book.book,
            by_movement.period,
            coalesce(sum(change) FILTER (WHERE movement = 'issued'), 0) AS issued,
            coalesce(sum(change) FILTER (WHERE movement = 'opening'), 0) AS first_seen,
            coalesce(sum(change) FILTER (WHERE movement IN ('opening', 'adjusted_up')), 0) AS adjusted_up,
            coalesce(-sum(change) FILTER (WHERE movement = 'redeemed'), 0) AS redeemed,
            coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down'), 0) AS adjusted_down,
            coalesce(-sum(change) FILTER (WHERE movement = 'voided'), 0) AS voided,
            sum(change) AS change
        FROM by_movement
        JOIN book
            -- No id is ''; IS NOT DISTINCT FROM could not be hashed.
            ON coalesce(book.account_id, '') = coalesce(by_movement.account_id, '')
                AND coalesce(book.issuing_station_id, '') = coalesce(by_movement.issuing_station_id, '')
                AND book.currency = by_movement.currency
        WHERE isfinite(by_movement.period)
        GROUP BY book.book, by_movement.period
    ),

    -- Every period from a book's first to the present, also those in which nothing happened.
    calendar AS (
        SELECT
            book.book,
            generate_series(
                coalesce(min(by_period.period)::timestamp, date_trunc(grain, max(today.day)::timestamp)),
                greatest(max(by_period.period)::timestamp, date_trunc(grain, max(today.day)::timestamp)),
                CASE grain WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END
            )::date AS period
        FROM book
        LEFT JOIN by_period USING (book)
        CROSS JOIN reporting_internal.today
        WHERE grain <> 'span'
        GROUP BY book.book

        UNION ALL

        SELECT book, first_day
        FROM book
        WHERE grain = 'span' AND first_day <= last_day AND (is_open OR closing <> 0)
    ),

    periods AS (
        SELECT
            calendar.book,
            calendar.period,
            coalesce(issued, 0) AS issued,
            coalesce(first_seen, 0) AS first_seen,
            coalesce(adjusted_up, 0) AS adjusted_up,
            coalesce(redeemed, 0) AS redeemed,
            coalesce(adjusted_down, 0) AS adjusted_down,
            coalesce(voided, 0) AS voided,
            coalesce(change, 0) AS change
        FROM calendar
        LEFT JOIN by_period USING (book, period)
    ),

    figures AS (
        SELECT
            periods.*,
            book.opening + coalesce(sum(issued + adjusted_up - redeemed - adjusted_down - voided) OVER earlier, 0)
                AS opening,
            book.closing - coalesce(sum(change) OVER later, 0) AS closing
        FROM periods
        JOIN book USING (book)
        WINDOW
            earlier AS (PARTITION BY book ORDER BY period ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            later AS (PARTITION BY book ORDER BY period DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )

    SELECT
        figures.period,
        book.account_id,
        book.currency,
        book.issuing_station_id,
        figures.opening * 0.00001,
        issued * 0.00001,
        adjusted_up * 0.00001,
        redeemed * 0.00001,
        adjusted_down * 0.00001,
        voided * 0.00001,
        figures.closing * 0.00001,
        (figures.closing - figures.opening - issued - adjusted_up + redeemed + adjusted_down + voided) * 0.00001,
        first_seen * 0.00001
    FROM figures
    JOIN book USING (book)
$$;
