-- The purchase of each certificate, where its webhook arrived: the first created event. Its balance is the face value.
CREATE OR REPLACE VIEW reporting_internal.purchase AS
SELECT DISTINCT ON (certificate_id, livemode)
    certificate_id,
    livemode,
    event_id,
    occurred_at,
    balance AS face_value,
    price,
    total,
    agency_id,
    station_id,
    station_name,
    station_time_zone,
    station_currency_code,
    display_currency_code
FROM giftcert.certificate_history
WHERE kind = 'created'
ORDER BY certificate_id, livemode, occurred_at, emitted_at, event_id;
