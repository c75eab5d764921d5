CREATE OR REPLACE VIEW {schema}.interlocation_settlement AS
SELECT
    date_trunc('month', redemption.local_day::timestamp)::date AS month,
    redemption.account_id,
    redemption.currency,
    redemption.issuing_station_id,
    redemption.station_id AS redeeming_station_id,
    redemption.is_purchase_known,
    max(redemption.issuing_station_name) AS issuing_station_name,
    max(redemption.station_name) AS redeeming_station_name,
    (sum(redemption.redeemed) * 0.00001)::numeric(20, 5) AS redeemed,
    count(*) AS redemptions,
    count(DISTINCT redemption.certificate_id) AS certificates_redeemed
FROM reporting_internal.redemption
WHERE redemption.livemode = {livemode}
    AND redemption.issuing_station_id IS DISTINCT FROM redemption.station_id
GROUP BY
    date_trunc('month', redemption.local_day::timestamp)::date,
    redemption.account_id,
    redemption.currency,
    redemption.issuing_station_id,
    redemption.station_id,
    redemption.is_purchase_known;

COMMENT ON VIEW {schema}.interlocation_settlement IS
'Grain: one row a month, account, currency, issuing station, redeeming station, and whether the purchase is known.
Reader: finance, to settle between stations: the issuing station owes the redeeming one.
Definition: redemptions at another station than the one that issued the certificate, by the local month of the redemption. What was issued and redeemed at one station is not in it.';
COMMENT ON COLUMN {schema}.interlocation_settlement.month IS 'The first day of the month of redemption.';
COMMENT ON COLUMN {schema}.interlocation_settlement.redeeming_station_id IS 'Where it was redeemed; NULL online.';
COMMENT ON COLUMN {schema}.interlocation_settlement.redeeming_station_name IS 'The name of that station.';
