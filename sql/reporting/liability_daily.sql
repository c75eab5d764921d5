CREATE OR REPLACE VIEW {schema}.liability_daily AS
SELECT
    standing.day,
    standing.account_id,
    standing.currency,
    (standing.outstanding * 0.00001)::numeric(20, 5) AS outstanding,
    (standing.outstanding_at_consideration * 0.00001)::numeric(20, 5) AS outstanding_at_consideration,
    standing.certificates
FROM reporting_internal.standing_daily({livemode}) AS standing;

COMMENT ON VIEW {schema}.liability_daily IS
'Grain: one row a day, account and currency, every day to today.
Reader: finance and treasury.
Definition: what was outstanding when the day ended on the clocks of the stations, as it is known now. liability_as_of answers for an instant, and for what was known then.';
COMMENT ON COLUMN {schema}.liability_daily.day IS 'The posting day.';
