CREATE OR REPLACE VIEW {schema}.liability_rollforward_monthly AS
SELECT
    book.period AS month,
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
FROM reporting_internal.rollforward('month', {livemode}) AS book;

COMMENT ON VIEW {schema}.liability_rollforward_monthly IS
'Grain: one row a month, account, currency and issuing station; every month from the station''s first to the present one.
Reader: finance, for the notes to the accounts.
Definition: opening + issued + adjusted_up − redeemed − adjusted_down − voided = closing, as in liability_rollforward_daily. It shows what is known now: rollforward_restatements says what late events changed since a month ended.';
COMMENT ON COLUMN {schema}.liability_rollforward_monthly.month IS 'The first day of the month of the posting days.';
