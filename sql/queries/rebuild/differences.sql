-- Entities whose rows differ between giftcert and giftcert_shadow; among $1, or among all where $1 is NULL. Which attempt
-- stands beside an event depends on which of them came first, and says nothing of the event.
SELECT 'certificate' AS table_name, certificate_id AS entity_id, livemode
FROM (SELECT * FROM giftcert.certificate WHERE $1::text[] IS NULL OR certificate_id = ANY ($1)) AS live
FULL JOIN (SELECT * FROM giftcert_shadow.certificate WHERE $1 IS NULL OR certificate_id = ANY ($1)) AS shadow
    USING (certificate_id, livemode)
WHERE ROW(live.*) IS DISTINCT FROM ROW(shadow.*)
UNION ALL
SELECT 'certificate_document', certificate_id, livemode
FROM (SELECT * FROM giftcert.certificate_document WHERE $1 IS NULL OR certificate_id = ANY ($1)) AS live
FULL JOIN (SELECT * FROM giftcert_shadow.certificate_document WHERE $1 IS NULL OR certificate_id = ANY ($1)) AS shadow
    USING (certificate_id, livemode)
WHERE ROW(live.*) IS DISTINCT FROM ROW(shadow.*)
UNION ALL
SELECT DISTINCT 'certificate_history', certificate_id, livemode
FROM (
    SELECT
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, kind, balance, price, total,
        transactions_paid, deleted, status, transaction_id, account_id, definition_id, user_id, agency_id, shift_id,
        station_id, station_name, station_time_zone, station_currency_code, display_currency_code, doubts
    FROM giftcert.certificate_history
    WHERE $1 IS NULL OR certificate_id = ANY ($1)
) AS live
FULL JOIN (
    SELECT
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, kind, balance, price, total,
        transactions_paid, deleted, status, transaction_id, account_id, definition_id, user_id, agency_id, shift_id,
        station_id, station_name, station_time_zone, station_currency_code, display_currency_code, doubts
    FROM giftcert_shadow.certificate_history
    WHERE $1 IS NULL OR certificate_id = ANY ($1)
) AS shadow
    USING (certificate_id, livemode, event_id)
WHERE ROW(live.*) IS DISTINCT FROM ROW(shadow.*)
UNION ALL
SELECT 'definition', definition_id, livemode
FROM (SELECT * FROM giftcert.definition WHERE $1 IS NULL OR definition_id = ANY ($1)) AS live
FULL JOIN (SELECT * FROM giftcert_shadow.definition WHERE $1 IS NULL OR definition_id = ANY ($1)) AS shadow
    USING (definition_id, livemode)
WHERE ROW(live.*) IS DISTINCT FROM ROW(shadow.*)
