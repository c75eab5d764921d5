-- What is known of a batch ($1 definition ids, $2 livemodes, $3 event ids, $4 attempt ids): of each event, by its
-- number in the batch, whether the ledger holds the attempt and the event, and how far its definition has come. Of
-- what is new nothing is said.
SELECT
    batch.number,
    attempt.is_known IS NOT NULL AS is_attempt_known,
    earlier.is_known IS NOT NULL AS is_event_known,
    head.occurred_at,
    head.emitted_at,
    head.kind,
    -1 AS transactions_paid,
    head.event_id,
    head.deleted_at
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[])
    WITH ORDINALITY AS batch (definition_id, livemode, event_id, attempt_id, number)
-- Each by its key, as of certificates.
LEFT JOIN LATERAL (
    SELECT true AS is_known
    FROM webhook_attempt
    WHERE attempt_id = batch.attempt_id AND livemode = batch.livemode
    LIMIT 1
) AS attempt ON true
LEFT JOIN LATERAL (
    SELECT true AS is_known
    FROM webhook_attempt
    WHERE
        entity_id = batch.definition_id AND livemode = batch.livemode AND event_id = batch.event_id
        AND event LIKE 'giftcertificates.%' AND outcome <> 'resend'
    LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT true AS is_known, occurred_at, emitted_at, kind, event_id, deleted_at
    FROM definition
    WHERE definition_id = batch.definition_id AND livemode = batch.livemode
    LIMIT 1
) AS head ON true
WHERE attempt.is_known OR head.is_known
