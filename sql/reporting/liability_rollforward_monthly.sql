CREATE OR REPLACE VIEW {schema}.liability_rollforward_monthly AS
-- A function's result keeps no precision.
SELECT
    period AS month,
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
FROM reporting_internal.rollforward('month', {livemode}, '-infinity', 'infinity');

COMMENT ON VIEW {schema}.liability_rollforward_monthly IS
'Grain: one row a month, account, currency and issuing station; every month from the station''s first to the present one.
Reader: finance, for the notes to the accounts.
Definition: opening + issued + adjusted_up − redeemed − adjusted_down − voided = closing, as in liability_rollforward_daily. It shows what is known now: rollforward_restatements says what late events changed since a month ended.';
COMMENT ON COLUMN {schema}.liability_rollforward_monthly.month IS 'The first day of the month of the posting days.';
