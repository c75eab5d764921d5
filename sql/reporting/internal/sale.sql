-- Every known purchase, live and test, on the day of its station. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.sale AS
SELECT
    certificate_id,
    livemode,
    account_id,
    definition_id,
    currency,
    issuing_station_id,
    issuing_agency_id,
    issuing_agency_name,
    purchase_day,
    face_value,
    purchase_price AS price,
    purchase_total AS total,
    purchase_price = 0 AS is_given_away
FROM giftcert.certificate
WHERE purchase_event_id IS NOT NULL;
