CREATE OR REPLACE VIEW {schema}.sales_daily AS
SELECT
    sale.purchase_day AS day,
    sale.account_id,
    sale.currency,
    sale.issuing_station_id AS station_id,
    station.name AS station_name,
    sale.issuing_agency_id AS agency_id,
    sale.agency_name,
    sale.definition_id,
    definition.name AS definition_name,
    sale.sold,
    sale.given_away,
    sale.price * 0.00001 AS price,
    sale.total * 0.00001 AS total,
    sale.taxes_and_fees * 0.00001 AS taxes_and_fees,
    sale.face_value * 0.00001 AS face_value,
    sale.face_value_given_away * 0.00001 AS face_value_given_away,
    sale.discount * 0.00001 AS discount
FROM (
    SELECT
        purchase_day,
        livemode,
        account_id,
        currency,
        issuing_station_id,
        issuing_agency_id,
        definition_id,
        max(issuing_agency_name) AS agency_name,
        count(*) FILTER (WHERE is_given_away IS NOT TRUE) AS sold,
        count(*) FILTER (WHERE is_given_away) AS given_away,
        coalesce(sum(price), 0) AS price,
        coalesce(sum(total), 0) AS total,
        coalesce(
            sum(total) FILTER (WHERE price IS NOT NULL) - sum(price) FILTER (WHERE total IS NOT NULL), 0
        ) AS taxes_and_fees,
        sum(face_value) AS face_value,
        coalesce(sum(face_value) FILTER (WHERE is_given_away), 0) AS face_value_given_away,
        coalesce(sum(face_value) FILTER (WHERE price <> 0) - sum(price), 0) AS discount
    FROM reporting_internal.sale
    GROUP BY purchase_day, livemode, account_id, currency, issuing_station_id, issuing_agency_id, definition_id
) AS sale
LEFT JOIN reporting_internal.station
    ON station.livemode = sale.livemode AND station.station_id = sale.issuing_station_id
LEFT JOIN giftcert.definition
    ON definition.definition_id = sale.definition_id AND definition.livemode = sale.livemode
WHERE sale.livemode = {livemode};

COMMENT ON VIEW {schema}.sales_daily IS
'Grain: one row a day, account, currency, station, agency and definition with a purchase.
Reader: sales and finance.
Definition: purchases as they were made, by the local day of their station. A purchase whose webhook never arrived is not in it.';
COMMENT ON COLUMN {schema}.sales_daily.day IS 'The day of the purchase on the clock of its station, else in REPORTING_TIME_ZONE.';
COMMENT ON COLUMN {schema}.sales_daily.station_id IS 'Where they were purchased; NULL online.';
COMMENT ON COLUMN {schema}.sales_daily.agency_id IS 'The agency that sold them; NULL when none did.';
COMMENT ON COLUMN {schema}.sales_daily.discount IS 'Face value less price of those that were sold; below 0 where more was paid than is got.';
