-- What is known of a batch ($1 certificate ids, $2 livemodes, $3 event ids, $4 attempt keys): of each event, by its number
-- in the batch, which event the attempt brought, when the event arrived, and how far its certificate has come, with the
-- version of that row. Of what is new nothing is said.
SELECT
    batch.number,
    coalesce(attempt.family, other.family) AS attempt_family,
    coalesce(attempt.entity_id, other.entity_id) AS attempt_entity_id,
    coalesce(attempt.event_id, other.event_id) AS attempt_event_id,
    history.received_at IS NOT NULL AS is_event_known,
    history.received_at AS event_received_at,
    head.*
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::bytea[])
    WITH ORDINALITY AS batch (certificate_id, livemode, event_id, attempt_key, number)
-- Each by its key: the limit keeps the planner, which may know the tables from when they were empty, from reading all.
LEFT JOIN LATERAL (
    SELECT 'certificate' AS family, certificate_id AS entity_id, event_id
    FROM certificate_history
    WHERE attempt_key = batch.attempt_key
    LIMIT 1
) AS attempt ON true
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END AS family,
        entity_id,
        event_id
    FROM other_attempt
    WHERE attempt_key = batch.attempt_key
    LIMIT 1
) AS other ON true
LEFT JOIN LATERAL (
    SELECT
        xmin AS seen, kind, occurred_at, emitted_at, transactions_paid, event_id,
        account_id, definition_id, currency, issuing_station_id, face_value, purchase_price, purchase_day,
        balance, deleted, has_been_deleted, effective_at, posting_day, events
    FROM certificate
    WHERE certificate_id = batch.certificate_id AND livemode = batch.livemode
    LIMIT 1
) AS head ON true
-- A certificate without a row has no history.
LEFT JOIN LATERAL (
    SELECT received_at
    FROM certificate_history
    WHERE certificate_id = batch.certificate_id AND livemode = batch.livemode AND event_id = batch.event_id
        AND head.events IS NOT NULL
    LIMIT 1
) AS history ON true
WHERE attempt.entity_id IS NOT NULL OR other.entity_id IS NOT NULL OR head.events IS NOT NULL
