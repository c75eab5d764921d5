-- The lines of a month ($1) and account ($2) up to a position ($3).
SELECT
    id AS line, booked_at, period, posting_day, local_day, effective_at, certificate_id, event_id, caused_by, entry,
    movement::text AS movement, is_inferred, definition_id, currency, change, change_at_consideration,
    balance AS balance_after, issuing_station_id, station_id
FROM giftcert.journal
WHERE livemode AND id <= $3 AND account_id IS NOT DISTINCT FROM $2 AND period = $1
ORDER BY id
