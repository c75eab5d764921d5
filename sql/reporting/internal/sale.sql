-- Every known purchase, live and test, on the day of its station. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.sale AS
SELECT
    state.certificate_id,
    state.livemode,
    state.account_id,
    state.definition_id,
    state.currency,
    state.issuing_station_id,
    state.issuing_agency_id,
    (state.purchased_at AT TIME ZONE coalesce(zone.name, local_zone.name))::date AS local_day,
    state.face_value::numeric AS face_value,
    state.purchase_price::numeric AS price,
    state.purchase_total::numeric AS total,
    state.purchase_price = 0 AND state.face_value > 0 AS is_given_away
FROM reporting_internal.certificate_state AS state
CROSS JOIN reporting_internal.local_zone
LEFT JOIN giftcert.time_zone AS zone ON zone.name = state.issuing_time_zone
WHERE state.is_purchase_known;
