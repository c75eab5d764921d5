-- A function, because its day and time select what is read.
CREATE OR REPLACE FUNCTION {schema}.liability_on(day date, known_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    account_id text,
    currency text,
    outstanding numeric,
    outstanding_at_consideration numeric,
    negative numeric,
    certificates bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH latest AS (
        SELECT reporting_internal.refused_beyond('day ' || day, day > latest, latest) AS is_refused
        FROM reporting_internal.latest_posting_day({livemode}, known_at) AS latest
    )

    SELECT
        account_id,
        currency,
        sum(change) * 0.00001,
        sum(change_at_consideration) * 0.00001,
        sum(negative) * 0.00001,
        sum(certificates)::bigint
    FROM reporting_internal.stood({livemode}, day, known_at)
    WHERE NOT (SELECT is_refused FROM latest)
    GROUP BY account_id, currency
$$;

COMMENT ON FUNCTION {schema}.liability_on(date, timestamptz) IS
'Grain: one row an account and currency.
Reader: finance: what was outstanding when 31 March ended?
Definition: the lines up to that posting day, whose end is that of each station''s own clock: the row of liability_daily. known_at leaves out what was booked later. A day after the latest posting day is refused.';
