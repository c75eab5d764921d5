-- The books by day, live and test: sums that are kept, and the lines since. A cell whose entries sum to 0 was taken back
-- altogether, and was never there.
CREATE OR REPLACE VIEW reporting_internal.total AS
SELECT
    posting_day, livemode, account_id, currency, issuing_station_id, movement, change, change_at_consideration,
    negative, certificates, entries
FROM giftcert.journal_total

UNION ALL

SELECT
    posting_day, livemode, account_id, currency, issuing_station_id, movement, change, change_at_consideration,
    negative, certificates, entry
FROM reporting_internal.line_since;
