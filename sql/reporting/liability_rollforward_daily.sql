CREATE OR REPLACE VIEW {schema}.liability_rollforward_daily AS
SELECT
    book.period AS day,
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
FROM reporting_internal.rollforward('day', {livemode}) AS book
LEFT JOIN reporting_internal.station ON station.livemode = {livemode} AND station.station_id = book.issuing_station_id;

COMMENT ON VIEW {schema}.liability_rollforward_daily IS
'Grain: one row a day, account, currency and issuing station; every day from the station''s first to the latest posting day of any, also those on which nothing happened, so that any sum over stations closes too; years in which nothing was posted at all are left out.
Reader: finance, to explain from one balance to the next.
Definition: opening + issued + first_seen + adjusted_up − redeemed − adjusted_down − voided = closing, sums of the journal''s lines. A movement belongs to the station that issued the certificate, wherever it was redeemed, and to its posting day, as it is known now.';
COMMENT ON COLUMN {schema}.liability_rollforward_daily.day IS 'The posting day.';
