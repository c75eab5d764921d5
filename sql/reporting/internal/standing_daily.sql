-- What was outstanding at the end of each day, of live or of test traffic. Amounts in 1/100000.
-- A function for the reasons of reporting_internal.rollforward.
CREATE OR REPLACE FUNCTION reporting_internal.standing_daily(is_live boolean)
RETURNS TABLE (
    day date,
    account_id text,
    currency text,
    outstanding numeric,
    outstanding_at_consideration numeric,
    certificates bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH by_day AS (
        SELECT
            movement.posting_day AS day,
            state.account_id,
            state.currency,
            sum(movement.balance_after) - sum(movement.balance_before) AS change,
            sum(
                reporting_internal.at_consideration(movement.balance_after, state.purchase_price, state.face_value)
                - reporting_internal.at_consideration(movement.balance_before, state.purchase_price, state.face_value)
            ) AS change_at_consideration,
            sum((movement.balance_after <> 0)::integer - (movement.balance_before <> 0)::integer)
                AS change_of_certificates
        FROM reporting_internal.movement
        JOIN reporting_internal.certificate_state AS state USING (certificate_id, livemode)
        WHERE movement.livemode = is_live
        GROUP BY movement.posting_day, state.account_id, state.currency
    ),

    -- Every day from a book's first to today, also those on which nothing happened.
    calendar AS (
        SELECT
            generate_series(
                min(by_day.day)::timestamp, greatest(max(by_day.day), max(today.day))::timestamp, interval '1 day'
            )::date AS day,
            account_id,
            currency
        FROM by_day
        CROSS JOIN reporting_internal.today
        GROUP BY account_id, currency
    ),

    days AS (
        SELECT
            day,
            account_id,
            currency,
            sum(change) AS change,
            sum(change_at_consideration) AS change_at_consideration,
            sum(change_of_certificates) AS change_of_certificates
        FROM (SELECT * FROM by_day UNION ALL SELECT calendar.*, 0, 0, 0 FROM calendar) AS entry
        GROUP BY day, account_id, currency
    )

    SELECT
        day,
        account_id,
        currency,
        sum(change) OVER so_far,
        sum(change_at_consideration) OVER so_far,
        (sum(change_of_certificates) OVER so_far)::bigint
    FROM days
    WINDOW so_far AS (PARTITION BY account_id, currency ORDER BY day)
$$;
