-- A function, because its days select what is read.
CREATE OR REPLACE FUNCTION {schema}.liability_rollforward(
    first_day date,
    last_day date,
    known_at timestamptz DEFAULT NULL
)
RETURNS TABLE (
    account_id text,
    currency text,
    issuing_station_id text,
    issuing_station_name text,
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
    -- So that the latest day is looked for once.
    WITH period (last_day) AS MATERIALIZED (
        SELECT least(last_day, reporting_internal.latest_posting_day({livemode}, known_at))
    ),

    span AS (
        SELECT
            -- The first day of all has none before it.
            greatest(first_day, '0001-01-01') - 1 AS day_before,
            period.last_day
        FROM period
        WHERE NOT reporting_internal.refused_period(first_day, liability_rollforward.last_day, period.last_day)
    ),

    figures AS (
        SELECT
            account_id, currency, issuing_station_id,
            coalesce(sum(opening), 0) AS opening,
            coalesce(sum(change) FILTER (WHERE movement = 'issued'), 0) AS issued,
            coalesce(sum(change) FILTER (WHERE movement = 'first_seen'), 0) AS first_seen,
            coalesce(sum(change) FILTER (WHERE movement = 'adjusted_up'), 0) AS adjusted_up,
            coalesce(-sum(change) FILTER (WHERE movement = 'redeemed'), 0) AS redeemed,
            coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down'), 0) AS adjusted_down,
            coalesce(-sum(change) FILTER (WHERE movement = 'voided'), 0) AS voided,
            coalesce(sum(opening), 0) + coalesce(sum(change), 0) AS computed,
            coalesce(sum(closing), 0) AS closing
        FROM (
            SELECT
                account_id, currency, issuing_station_id, NULL::giftcert.movement AS movement,
                change AS opening, NULL::numeric AS change, NULL::numeric AS closing
            FROM span
            CROSS JOIN reporting_internal.stood({livemode}, span.day_before, known_at)

            UNION ALL

            SELECT account_id, currency, issuing_station_id, movement, NULL, sum(change), NULL
            FROM giftcert.journal
            WHERE livemode = {livemode}
                AND posting_day BETWEEN first_day AND (SELECT last_day FROM span)
                AND booked_at <= coalesce(known_at, 'infinity')
            GROUP BY account_id, currency, issuing_station_id, movement
            HAVING sum(entry) > 0

            UNION ALL

            -- As known then there are no totals: what the lines say is all there is.
            SELECT account_id, currency, issuing_station_id, NULL, NULL, NULL, change
            FROM span
            CROSS JOIN reporting_internal.stood({livemode}, span.last_day, known_at)
            WHERE known_at IS NULL
        ) AS line
        GROUP BY account_id, currency, issuing_station_id
    )

    SELECT
        figures.account_id,
        figures.currency,
        figures.issuing_station_id,
        station.name,
        opening * 0.00001,
        issued * 0.00001,
        first_seen * 0.00001,
        adjusted_up * 0.00001,
        redeemed * 0.00001,
        adjusted_down * 0.00001,
        voided * 0.00001,
        computed * 0.00001,
        CASE WHEN known_at IS NULL THEN closing - computed ELSE 0 END * 0.00001
    FROM figures
    LEFT JOIN reporting_internal.station
        ON station.livemode = {livemode} AND station.station_id = figures.issuing_station_id
$$;

COMMENT ON FUNCTION {schema}.liability_rollforward(date, date, timestamptz) IS
'Grain: one row an account, currency and issuing station.
Reader: finance, for one month, a quarter or any other period: both days belong to it, -infinity is the beginning, and no period ends after the latest posting day. One that ends before it begins, or begins after that day, is refused.
Definition: the figures of liability_rollforward_daily from the first day''s opening to the last day''s closing; with known_at, as the books said then. Its opening and closing come from totals that are kept, its movements from the lines of the period, and difference compares the two.';
