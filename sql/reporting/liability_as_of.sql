-- A function, because both of its times select what is read.
CREATE OR REPLACE FUNCTION {schema}.liability_as_of(as_of timestamptz, known_at timestamptz DEFAULT NULL)
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
SET work_mem = '256MB'
SET jit = off
AS $$
    -- The latest day is over when it has ended in UTC-12 (which POSIX writes with the other sign).
    WITH latest AS (
        SELECT reporting_internal.refused_beyond(
            'as_of ' || as_of, as_of > (day + 1)::timestamp AT TIME ZONE 'Etc/GMT+12', day
        ) AS is_refused
        FROM reporting_internal.latest_posting_day({livemode}, known_at) AS day
    )

    SELECT
        account_id,
        currency,
        sum(change) * 0.00001,
        sum(change_at_consideration) * 0.00001,
        sum(negative) * 0.00001,
        sum(certificates)
    FROM reporting_internal.line
    WHERE livemode = {livemode}
        -- NULL would leave nothing to read, and nobody would refuse it.
        AND effective_at < coalesce(as_of, 'infinity')
        AND booked_at <= coalesce(known_at, 'infinity')
        AND NOT (SELECT is_refused FROM latest)
    GROUP BY account_id, currency
    HAVING sum(entry) > 0
$$;

COMMENT ON FUNCTION {schema}.liability_as_of(timestamptz, timestamptz) IS
'Grain: one row an account and currency.
Reader: auditors and finance: what was outstanding when 1 April began, and what did the books say of that on 5 April?
Definition: as_of is an instant: what stood when it began, so that a sale at midnight belongs to the new day. known_at leaves out what was booked later; without it everything known now counts. An as_of after the latest posting day is refused. liability_on answers for a day, by the clocks of the stations.';
