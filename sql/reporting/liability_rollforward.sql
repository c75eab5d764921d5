-- A function, because both of its days select what is read.
CREATE OR REPLACE FUNCTION {schema}.liability_rollforward(first_day date, last_day date)
RETURNS TABLE (
    account_id text,
    currency text,
    issuing_station_id text,
    opening numeric(20, 5),
    issued numeric(20, 5),
    adjusted_up numeric(20, 5),
    redeemed numeric(20, 5),
    adjusted_down numeric(20, 5),
    voided numeric(20, 5),
    closing numeric(20, 5),
    difference numeric(20, 5),
    of_which_first_seen numeric(20, 5)
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        account_id,
        currency,
        issuing_station_id,
        opening,
        issued,
        adjusted_up,
        redeemed,
        adjusted_down,
        voided,
        closing,
        difference,
        of_which_first_seen
    FROM reporting_internal.rollforward('span', {livemode}, first_day, last_day)
$$;

COMMENT ON FUNCTION {schema}.liability_rollforward(date, date) IS
'Grain: one row an account, currency and issuing station.
Reader: finance, for one month, a quarter or any other period: both days belong to it.
Definition: the figures of liability_rollforward_daily from the first day''s opening to the last day''s closing. It passes over the history of certificates that have rested since before the first day, which liability_rollforward_monthly reads to compute all months.';
