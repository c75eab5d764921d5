-- What was paid with certificates, live and test, grouped by what a report asks for: sums that are kept, and the lines
-- since. Amounts in 1/100000. Each grouping holds all redemptions: ask for one of them.
CREATE OR REPLACE VIEW reporting_internal.redemption AS
SELECT
    grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
    issuing_station_id, station_id, redeemed, entries
FROM giftcert.redemption_total

UNION ALL

SELECT
    report.grouped_by,
    livemode,
    date_trunc('month', posting_day::timestamp)::date,
    account_id,
    currency,
    purchase_day IS NOT NULL,
    definition_id,
    date_trunc('month', purchase_day::timestamp)::date,
    issuing_station_id,
    station_id,
    -change,
    entry
FROM reporting_internal.line_since
CROSS JOIN (VALUES ('cohort'), ('definition'), ('settlement')) AS report (grouped_by)
WHERE movement = 'redeemed';
