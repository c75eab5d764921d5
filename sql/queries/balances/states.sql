-- Certificates ($1 ids, $2 livemodes), in that order, in one snapshot: their state, nothing where they are no more; and their
-- version, where they are in the outbox. Each by its key, whatever the plan knows of the tables.
SELECT
    wanted.certificate_id, wanted.livemode, outbox.version, outbox.changed_at, outbox.traceparent,
    event_id, account_id, definition_id, currency, deleted, balance, consideration, face_value,
    coalesce(purchase_price, price) AS price,
    issuing_station_id, issuing_station_name, station_id, station_name,
    coalesce(created_at, purchased_at) AS issued_at,
    effective_at AS updated_at
FROM unnest($1::text[], $2::boolean[]) WITH ORDINALITY AS wanted (certificate_id, livemode, number)
LEFT JOIN LATERAL (
    SELECT * FROM certificate WHERE certificate_id = wanted.certificate_id AND livemode = wanted.livemode LIMIT 1
) AS certificate ON true
LEFT JOIN LATERAL (
    SELECT version, changed_at, traceparent
    FROM giftcert.balance_outbox
    WHERE certificate_id = wanted.certificate_id AND livemode = wanted.livemode
    LIMIT 1
) AS outbox ON true
ORDER BY wanted.number
