CREATE OR REPLACE VIEW {schema}.liability_rollforward_daily AS
SELECT
    book.period AS day,
    book.account_id,
    book.currency,
    book.issuing_station_id,
    (book.opening * 0.00001)::numeric(20, 5) AS opening,
    (book.issued * 0.00001)::numeric(20, 5) AS issued,
    (book.adjusted_up * 0.00001)::numeric(20, 5) AS adjusted_up,
    (book.redeemed * 0.00001)::numeric(20, 5) AS redeemed,
    (book.adjusted_down * 0.00001)::numeric(20, 5) AS adjusted_down,
    (book.voided * 0.00001)::numeric(20, 5) AS voided,
    (book.closing * 0.00001)::numeric(20, 5) AS closing,
    (
        (
            book.closing - book.opening
            - book.issued - book.adjusted_up + book.redeemed + book.adjusted_down + book.voided
        ) * 0.00001
    )::numeric(20, 5) AS difference,
    (book.first_seen * 0.00001)::numeric(20, 5) AS of_which_first_seen
FROM reporting_internal.rollforward('day', {livemode}) AS book;

COMMENT ON VIEW {schema}.liability_rollforward_daily IS
'Grain: one row a day, account, currency and issuing station; every day from the station''s first to today, also those on which nothing happened, so that any sum over stations closes too.
Reader: finance, to explain from one balance to the next.
Definition: opening + issued + adjusted_up − redeemed − adjusted_down − voided = closing. A movement belongs to the station that issued the certificate, wherever it was redeemed, and to the posting day of certificate_activity.';
COMMENT ON COLUMN {schema}.liability_rollforward_daily.day IS 'The posting day.';
