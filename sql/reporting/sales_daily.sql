CREATE OR REPLACE VIEW {schema}.sales_daily AS
SELECT
    sale.local_day AS day,
    sale.account_id,
    sale.currency,
    sale.issuing_station_id AS station_id,
    sale.issuing_agency_id AS agency_id,
    count(*) FILTER (WHERE sale.is_given_away IS NOT TRUE) AS sold,
    count(*) FILTER (WHERE sale.is_given_away) AS given_away,
    (coalesce(sum(sale.price), 0) * 0.00001)::numeric(20, 5) AS price,
    (coalesce(sum(sale.total), 0) * 0.00001)::numeric(20, 5) AS total,
    (coalesce(sum(sale.total - sale.price), 0) * 0.00001)::numeric(20, 5) AS taxes_and_fees,
    (sum(sale.face_value) * 0.00001)::numeric(20, 5) AS face_value,
    (
        coalesce(sum(sale.face_value) FILTER (WHERE sale.is_given_away), 0) * 0.00001
    )::numeric(20, 5) AS face_value_given_away,
    (
        coalesce(sum(sale.face_value - sale.price) FILTER (WHERE sale.is_given_away IS NOT TRUE), 0) * 0.00001
    )::numeric(20, 5) AS discount
FROM reporting_internal.sale
WHERE sale.livemode = {livemode}
GROUP BY sale.local_day, sale.account_id, sale.currency, sale.issuing_station_id, sale.issuing_agency_id;

COMMENT ON VIEW {schema}.sales_daily IS
'Grain: one row a day, account, currency, station and agency with a purchase.
Reader: sales and finance.
Definition: purchases as they were made, by the local day of their station. A purchase whose webhook never arrived is not in it.';
COMMENT ON COLUMN {schema}.sales_daily.day IS 'The day of the purchase on the clock of its station, else in REPORTING_TIME_ZONE.';
COMMENT ON COLUMN {schema}.sales_daily.station_id IS 'Where they were purchased; NULL online.';
COMMENT ON COLUMN {schema}.sales_daily.agency_id IS 'The agency that sold them; NULL when none did.';
COMMENT ON COLUMN {schema}.sales_daily.discount IS 'Face value less price of those that were sold; below 0 where more was paid than is got.';
