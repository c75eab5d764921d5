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
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH state AS (
        SELECT * FROM reporting_internal.certificate_state WHERE livemode = is_live
    ),

    posted AS (
        SELECT
            date_trunc(grain, movement.posting_day)::date AS period,
            state.account_id,
            state.currency,
            state.issuing_station_id,
            movement.movement,
            movement.balance_before,
            movement.balance_after
        FROM reporting_internal.movement
        JOIN state USING (certificate_id)
        WHERE movement.livemode = is_live
    ),

    by_movement AS (
        SELECT
            period,
            account_id,
            currency,
            issuing_station_id,
            movement,
            sum(balance_after) - sum(balance_before) AS change
        FROM posted
        GROUP BY period, account_id, currency, issuing_station_id, movement
    ),

    by_period AS (
        SELECT
            period,
            account_id,
            currency,
            issuing_station_id,
            coalesce(sum(change) FILTER (WHERE movement = 'issued'), 0) AS issued,
            coalesce(sum(change) FILTER (WHERE movement = 'opening'), 0) AS first_seen,
            coalesce(sum(change) FILTER (WHERE movement IN ('opening', 'adjusted_up')), 0) AS adjusted_up,
            coalesce(-sum(change) FILTER (WHERE movement = 'redeemed'), 0) AS redeemed,
            coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down'), 0) AS adjusted_down,
            coalesce(-sum(change) FILTER (WHERE movement = 'voided'), 0) AS voided,
            sum(change) AS change,
            0 AS outstanding_now
        FROM by_movement
        GROUP BY period, account_id, currency, issuing_station_id
    ),

    -- Every period from a book's first to the present, also those in which nothing happened.
    calendar AS (
        SELECT
            generate_series(
                min(by_period.period)::timestamp,
                greatest(max(by_period.period), date_trunc(grain, max(today.day))::date)::timestamp,
                ('1 ' || grain)::interval
            )::date AS period,
            account_id,
            currency,
            issuing_station_id
        FROM by_period
        CROSS JOIN reporting_internal.today
        GROUP BY account_id, currency, issuing_station_id
    ),

    -- GROUP BY takes an unknown station for one station, as a join on it would not.
    entries AS (
        SELECT * FROM by_period
        UNION ALL
        SELECT period, account_id, currency, issuing_station_id, 0, 0, 0, 0, 0, 0, 0, 0 FROM calendar
        UNION ALL
        SELECT
            date_trunc(grain, today.day)::date, account_id, currency, issuing_station_id,
            0, 0, 0, 0, 0, 0, 0, sum(balance)
        FROM state
        CROSS JOIN reporting_internal.today
        GROUP BY today.day, account_id, currency, issuing_station_id
    ),

    periods AS (
        SELECT
            period,
            account_id,
            currency,
            issuing_station_id,
            sum(issued) AS issued,
            sum(first_seen) AS first_seen,
            sum(adjusted_up) AS adjusted_up,
            sum(redeemed) AS redeemed,
            sum(adjusted_down) AS adjusted_down,
            sum(voided) AS voided,
            sum(change) AS change,
            sum(outstanding_now) AS outstanding_now
        FROM entries
        GROUP BY period, account_id, currency, issuing_station_id
    )

    SELECT
        period,
        account_id,
        currency,
        issuing_station_id,
        coalesce(sum(issued + adjusted_up - redeemed - adjusted_down - voided) OVER earlier, 0) AS opening,
        issued,
        first_seen,
        adjusted_up,
        redeemed,
        adjusted_down,
        voided,
        sum(outstanding_now) OVER book - coalesce(sum(change) OVER later, 0) AS closing
    FROM periods
    WINDOW
        book AS (PARTITION BY account_id, currency, issuing_station_id),
        earlier AS (book ORDER BY period ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        later AS (book ORDER BY period DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
$$;
