CREATE OR REPLACE VIEW {schema}.liability_rollforward_monthly AS
SELECT
    book.period AS month,
    book.account_id,
    book.currency,
    book.issuing_station_id,
    station.name AS issuing_station_name,
    book.opening * 0.00001 AS opening,
    book.issued * 0.00001 AS issued,
    book.first_seen * 0.00001 AS first_seen,
    book.adjusted_up * 0.00001 AS adjusted_up,
    book.redeemed * 0.00001 AS redeemed,
    book.adjusted_down * 0.00001 AS adjusted_down,
    book.voided * 0.00001 AS voided,
    book.closing * 0.00001 AS closing,
    book.difference * 0.00001 AS difference
FROM reporting_internal.rollforward('month', {livemode}) AS book
LEFT JOIN reporting_internal.station ON station.livemode = {livemode} AND station.station_id = book.issuing_station_id;

COMMENT ON VIEW {schema}.liability_rollforward_monthly IS
'Grain: one row a month, account, currency and issuing station; every month from the station''s first to the latest of any.
Reader: finance, for the notes to the accounts.
Definition: opening + issued + first_seen + adjusted_up − redeemed − adjusted_down − voided = closing, as in liability_rollforward_daily. It shows what is known now: books_monthly shows each month as it was booked, rollforward_restatements what late events changed since a month ended.';
COMMENT ON COLUMN {schema}.liability_rollforward_monthly.month IS 'The first day of the month of the posting days.';
