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
SET work_mem = '1GB'
SET jit = off
AS $$
    WITH state AS MATERIALIZED (
        SELECT certificate_id, account_id, currency, purchase_price, face_value
        FROM reporting_internal.certificate_state
        WHERE livemode = is_live
    ),

    by_day AS MATERIALIZED (
        SELECT
            state.account_id,
            state.currency,
            movement.posting_day AS day,
            sum(movement.balance_after) - sum(movement.balance_before) AS change,
            sum(
                reporting_internal.at_consideration(movement.balance_after, state.purchase_price, state.face_value)
                - reporting_internal.at_consideration(movement.balance_before, state.purchase_price, state.face_value)
            ) AS change_at_consideration,
            sum((movement.balance_after <> 0)::integer - (movement.balance_before <> 0)::integer)
                AS change_of_certificates
        FROM reporting_internal.movement
        JOIN state USING (certificate_id)
        WHERE movement.livemode = is_live
        GROUP BY 1, 2, 3
    ),

    -- Every day from a book's first to today, also those on which nothing happened.
    calendar AS (
        SELECT
            account_id,
            currency,
            generate_series(
                min(by_day.day)::timestamp, greatest(max(by_day.day), max(today.day))::timestamp, interval '1 day'
            )::date AS day
        FROM by_day
        CROSS JOIN reporting_internal.today
        GROUP BY account_id, currency
    )

    SELECT
        calendar.day,
        calendar.account_id,
        calendar.currency,
        coalesce(sum(by_day.change) OVER so_far, 0),
        coalesce(sum(by_day.change_at_consideration) OVER so_far, 0),
        coalesce(sum(by_day.change_of_certificates) OVER so_far, 0)::bigint
    FROM calendar
    LEFT JOIN by_day
        ON by_day.day = calendar.day
            AND by_day.currency = calendar.currency
            AND by_day.account_id IS NOT DISTINCT FROM calendar.account_id
    WINDOW so_far AS (PARTITION BY calendar.account_id, calendar.currency ORDER BY calendar.day)
$$;
