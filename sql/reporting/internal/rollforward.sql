-- The roll-forward by 'day' or by 'month', of live or of test traffic. Amounts in 1/100000.
-- Two paths that meet only where the figures are right: the movements run forwards through the history; the closing
-- balance runs backwards from today's certificates.
-- A function, so that it can bring its own memory: it sorts the whole history, and compiling costs more than it saves.
CREATE OR REPLACE FUNCTION reporting_internal.rollforward(grain text, is_live boolean)
RETURNS TABLE (
    period date,
    account_id text,
    currency text,
    issuing_station_id text,
    opening numeric,
    issued numeric,
    first_seen numeric,
    adjusted_up numeric,
    redeemed numeric,
    adjusted_down numeric,
    voided numeric,
    closing numeric
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '1GB'
SET jit = off
AS $$
    WITH state AS MATERIALIZED (
        SELECT certificate_id, account_id, currency, issuing_station_id, balance
        FROM reporting_internal.certificate_state
        WHERE livemode = is_live
    ),

    by_movement AS MATERIALIZED (
        SELECT
            state.account_id,
            coalesce(state.currency, 'unspecified') AS currency,
            state.issuing_station_id,
            date_trunc(grain, movement.posting_day::timestamp)::date AS period,
            movement.movement,
            sum(movement.balance_after) - sum(movement.balance_before) AS change
        FROM reporting_internal.movement
        -- LEFT: a history whose certificate is missing must not close.
        LEFT JOIN state USING (certificate_id)
        WHERE movement.livemode = is_live
        GROUP BY 1, 2, 3, 4, 5
    ),

    -- Account, currency and issuing station make a book; an unknown station is one like any other. A book may have
    -- certificates and no movement, or the reverse: then the two paths differ, and that has to show.
    book AS MATERIALIZED (
        SELECT
            row_number() OVER () AS book,
            account_id,
            currency,
            issuing_station_id,
            sum(balance) AS outstanding_now
        FROM (
            SELECT account_id, currency, issuing_station_id, balance FROM state
            UNION ALL
            SELECT account_id, currency, issuing_station_id, 0 FROM by_movement
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
        GROUP BY book.book, by_movement.period
    ),

    -- Every period from a book's first to the present, also those in which nothing happened.
    calendar AS (
        SELECT
            book.book,
            generate_series(
                coalesce(min(by_period.period)::timestamp, date_trunc(grain, max(today.day)::timestamp)),
                greatest(max(by_period.period)::timestamp, date_trunc(grain, max(today.day)::timestamp)),
                ('1 ' || grain)::interval
            )::date AS period
        FROM book
        LEFT JOIN by_period USING (book)
        CROSS JOIN reporting_internal.today
        GROUP BY book.book
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
    )

    SELECT
        periods.period,
        book.account_id,
        book.currency,
        book.issuing_station_id,
        coalesce(sum(issued + adjusted_up - redeemed - adjusted_down - voided) OVER earlier, 0) AS opening,
        issued,
        first_seen,
        adjusted_up,
        redeemed,
        adjusted_down,
        voided,
        book.outstanding_now - coalesce(sum(change) OVER later, 0) AS closing
    FROM periods
    JOIN book USING (book)
    WINDOW
        earlier AS (PARTITION BY book ORDER BY period ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        later AS (PARTITION BY book ORDER BY period DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
$$;
