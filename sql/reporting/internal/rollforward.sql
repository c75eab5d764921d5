-- The books by 'day' or by 'month' of the posting day, of live or of test traffic: for every book (account, currency,
-- issuing station) a row for each period from its first on, also those in which nothing happened.
-- Amounts in 1/100000. A function, so that it can bring its own memory.
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
    closing numeric,
    difference numeric
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH differing AS MATERIALIZED (
        SELECT * FROM reporting_internal.difference WHERE livemode = is_live
    ),

    moved AS (
        SELECT
            date_trunc(grain, posting_day::timestamp)::date AS period,
            account_id, currency, issuing_station_id, movement, sum(change) AS change
        FROM reporting_internal.total
        WHERE livemode = is_live
        GROUP BY posting_day, account_id, currency, issuing_station_id, movement
        -- What was taken back altogether was never there.
        HAVING sum(entries) > 0
    ),

    calendar AS (
        SELECT period.period, book.account_id, book.currency, book.issuing_station_id
        FROM (
            SELECT account_id, currency, issuing_station_id, min(period) AS first
            FROM moved
            GROUP BY account_id, currency, issuing_station_id
        ) AS book
        JOIN reporting_internal.period
            ON period.grain = rollforward.grain AND period.livemode = is_live AND period.period >= book.first
    ),

    by_period AS (
        SELECT
            period, account_id, currency, issuing_station_id,
            coalesce(sum(change) FILTER (WHERE movement = 'issued'), 0) AS issued,
            coalesce(sum(change) FILTER (WHERE movement = 'first_seen'), 0) AS first_seen,
            coalesce(sum(change) FILTER (WHERE movement = 'adjusted_up'), 0) AS adjusted_up,
            coalesce(-sum(change) FILTER (WHERE movement = 'redeemed'), 0) AS redeemed,
            coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down'), 0) AS adjusted_down,
            coalesce(-sum(change) FILTER (WHERE movement = 'voided'), 0) AS voided,
            coalesce(sum(change), 0) AS change
        FROM (
            SELECT period, account_id, currency, issuing_station_id, movement, change FROM moved
            UNION ALL
            SELECT period, account_id, currency, issuing_station_id, NULL, NULL FROM calendar
            -- A book that the certificates know and the journal does not must show.
            UNION ALL
            SELECT (SELECT max(period) FROM moved), account_id, currency, issuing_station_id, NULL, NULL
            FROM differing
        ) AS line
        GROUP BY period, account_id, currency, issuing_station_id
    )

    SELECT
        by_period.period, by_period.account_id, by_period.currency, by_period.issuing_station_id,
        sum(by_period.change) OVER so_far - by_period.change,
        issued, first_seen, adjusted_up, redeemed, adjusted_down, voided,
        sum(by_period.change) OVER so_far,
        coalesce(differing.difference, 0)
    FROM by_period
    LEFT JOIN differing
        ON (differing.account_id, differing.currency, differing.issuing_station_id)
            IS NOT DISTINCT FROM (by_period.account_id, by_period.currency, by_period.issuing_station_id)
    WINDOW so_far AS (
        PARTITION BY by_period.account_id, by_period.currency, by_period.issuing_station_id COLLATE "C"
        ORDER BY by_period.period
    )
$$;
