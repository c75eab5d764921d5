CREATE OR REPLACE VIEW {schema}.data_quality_exceptions AS
SELECT
    rule, severity, 'certificate' AS entity, certificate_id AS entity_id, account_id, event_id, occurred_at, observed, expected
FROM reporting_internal.event_exception
WHERE livemode = {livemode}

UNION ALL

SELECT rule, severity, 'certificate', certificate_id, account_id, NULL, occurred_at, observed, expected
FROM reporting_internal.certificate_exception
WHERE livemode = {livemode}

UNION ALL

SELECT
    'price_over_face_value',
    'warning',
    'definition',
    definition_id,
    account_id,
    NULL,
    occurred_at,
    (price * 0.00001)::numeric(20, 5)::text,
    'at most ' || (value * 0.00001)::numeric(20, 5)
FROM giftcert.definition
WHERE livemode = {livemode} AND price > value

UNION ALL

SELECT
    doubt.rule, 'warning', 'definition', definition.definition_id, definition.account_id, definition.event_id,
    definition.occurred_at, doubt.observed, doubt.expected
FROM giftcert.definition
CROSS JOIN LATERAL reporting_internal.doubts_of(definition.doubts) AS doubt
WHERE definition.livemode = {livemode} AND definition.doubts IS NOT NULL

UNION ALL

SELECT
    'time_zone_invalid',
    'warning',
    'station',
    history.station_id,
    NULL,
    NULL,
    max(history.occurred_at),
    history.station_time_zone,
    'a name of the IANA time zone database'
FROM giftcert.certificate_history AS history
LEFT JOIN giftcert.time_zone AS zone ON zone.name = history.station_time_zone
WHERE history.livemode = {livemode} AND history.station_time_zone IS NOT NULL AND zone.name IS NULL
GROUP BY history.station_id, history.station_time_zone

UNION ALL

SELECT
    'time_zone_invalid', 'error', 'setting', 'REPORTING_TIME_ZONE', NULL, NULL, NULL,
    setting.time_zone, 'a name of the IANA time zone database; until then it is UTC'
FROM giftcert.reporting_setting AS setting
WHERE setting.time_zone NOT IN (SELECT name FROM giftcert.time_zone);

COMMENT ON VIEW {schema}.data_quality_exceptions IS
'Grain: one row an exception.
Reader: whoever answers for the figures, before they are signed.
Definition: what the webhooks say that cannot all be true, or that shows that some never arrived. Nothing is corrected because of it. error: a figure is wrong or incomplete; warning: unusual, and to be understood.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.rule IS
'balance_rose; balance_negative; balance_over_face_value; price_over_face_value: more was paid than is got; first_seen_partial: less was left at first sight than the definition gives; purchase_missing: no created event is known; events_missing: more transactions were added at once than one event adds; redeemed_without_transaction: the balance fell and no transaction was added; redeemed_after_deleted: changed after deleted = true; created_again: of several created events the first is the purchase, and the others change nothing; date_implausible: a date before 2000 or later than an hour after its event was emitted counts as none; field_unreadable: a field of another type than the sender documents counts as not given; currency_unspecified; currency_changed: the event''s station has another currency than the certificate; definition_unknown; sold_while_disabled and sold_after_deleted, of its definition; time_zone_invalid; projection_differs: the current balance is not that of the newest event in the history.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.event_id IS 'The event that shows it; NULL where it is not one event.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.occurred_at IS
'When that event happened, else the newest event of the entity.';
