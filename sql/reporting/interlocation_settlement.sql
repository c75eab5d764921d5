CREATE OR REPLACE VIEW {schema}.interlocation_settlement AS
WITH settled AS (
    SELECT
        posting_month AS month, account_id, currency, issuing_station_id, station_id, is_purchase_known,
        sum(redeemed) AS redeemed, sum(entries)::bigint AS redemptions
    FROM reporting_internal.redemption
    WHERE grouped_by = 'settlement' AND livemode = {livemode}
    GROUP BY month, account_id, currency, issuing_station_id, station_id, is_purchase_known
    -- What was taken back altogether was never there.
    HAVING sum(entries) > 0
),

-- To tell certificates apart costs more than all the rest: the planner leaves it out where nobody asks. No id is ''.
redeemed_with AS (
    SELECT month, account, currency, issuing_station, station, is_purchase_known, count(*) AS certificates
    FROM (
        SELECT
            date_trunc('month', posting_day::timestamp)::date AS month, coalesce(account_id, '') AS account, currency,
            coalesce(issuing_station_id, '') AS issuing_station, coalesce(station_id, '') AS station,
            purchase_day IS NOT NULL AS is_purchase_known
        FROM giftcert.journal
        WHERE livemode = {livemode} AND movement = 'redeemed'
        GROUP BY 1, account_id, currency, issuing_station_id, station_id, 6, certificate_id
        HAVING sum(entry) > 0
    ) AS certificate
    GROUP BY month, account, currency, issuing_station, station, is_purchase_known
)

SELECT
    settled.month,
    settled.account_id,
    settled.currency,
    settled.issuing_station_id,
    settled.station_id AS redeeming_station_id,
    settled.is_purchase_known,
    issuing.name AS issuing_station_name,
    redeeming.name AS redeeming_station_name,
    settled.redeemed * 0.00001 AS redeemed,
    settled.redemptions,
    redeemed_with.certificates AS certificates_redeemed
FROM settled
LEFT JOIN redeemed_with
    ON redeemed_with.month = settled.month
        AND redeemed_with.account = coalesce(settled.account_id, '')
        AND redeemed_with.currency = settled.currency
        AND redeemed_with.issuing_station = coalesce(settled.issuing_station_id, '')
        AND redeemed_with.station = coalesce(settled.station_id, '')
        AND redeemed_with.is_purchase_known = settled.is_purchase_known
LEFT JOIN reporting_internal.station AS issuing
    ON issuing.livemode = {livemode} AND issuing.station_id = settled.issuing_station_id
LEFT JOIN reporting_internal.station AS redeeming
    ON redeeming.livemode = {livemode} AND redeeming.station_id = settled.station_id;

COMMENT ON VIEW {schema}.interlocation_settlement IS
'Grain: one row a month, account, currency, issuing station, redeeming station, and whether the purchase is known.
Reader: finance, to settle between stations: the issuing station owes the redeeming one.
Definition: all redemptions, by the month of their posting day: one matrix that sums to redeemed of liability_rollforward_monthly. Rows whose two stations are one, or both online, settle nothing.';
COMMENT ON COLUMN {schema}.interlocation_settlement.month IS 'The first day of the month of redemption.';
COMMENT ON COLUMN {schema}.interlocation_settlement.redeeming_station_id IS 'Where it was redeemed; NULL online.';
COMMENT ON COLUMN {schema}.interlocation_settlement.redeeming_station_name IS 'The name of that station.';
