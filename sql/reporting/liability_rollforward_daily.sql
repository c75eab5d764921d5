CREATE OR REPLACE VIEW {schema}.liability_rollforward_daily AS
-- A function's result keeps no precision.
SELECT
    period AS day,
    account_id,
    currency,
    issuing_station_id,
    opening::numeric(20, 5),
    issued::numeric(20, 5),
    adjusted_up::numeric(20, 5),
    redeemed::numeric(20, 5),
    adjusted_down::numeric(20, 5),
    voided::numeric(20, 5),
    closing::numeric(20, 5),
    difference::numeric(20, 5),
    of_which_first_seen::numeric(20, 5)
FROM reporting_internal.rollforward('day', {livemode}, '-infinity', 'infinity');

COMMENT ON VIEW {schema}.liability_rollforward_daily IS
'Grain: one row a day, account, currency and issuing station; every day from the station''s first to today, also those on which nothing happened, so that any sum over stations closes too.
Reader: finance, to explain from one balance to the next.
Definition: opening + issued + adjusted_up − redeemed − adjusted_down − voided = closing. A movement belongs to the station that issued the certificate, wherever it was redeemed, and to the posting day of certificate_activity.';
COMMENT ON COLUMN {schema}.liability_rollforward_daily.day IS 'The posting day.';
