-- What is known of a batch ($1 definition ids, $2 livemodes, $3 event ids, $4 attempt ids): of each event, by its
-- number in the batch, whether the ledger holds the attempt and the event, and how far its definition has come. Of
-- what is new nothing is said.
SELECT
    batch.number,
    attempt.attempt_id IS NOT NULL AS is_attempt_known,
    known.event_id IS NOT NULL AS is_event_known,
    head.occurred_at,
    head.emitted_at,
    head.kind,
    head.event_id,
    head.deleted_at
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[])
    WITH ORDINALITY AS batch (definition_id, livemode, event_id, attempt_id, number)
LEFT JOIN webhook_attempt AS attempt
    ON attempt.attempt_id = batch.attempt_id
    AND attempt.livemode = batch.livemode
LEFT JOIN webhook_attempt AS known
    ON known.entity_id = batch.definition_id
    AND known.livemode = batch.livemode
    AND known.event_id = batch.event_id
    AND known.event LIKE 'giftcertificates.%'
    AND known.outcome <> 'resend'
LEFT JOIN definition AS head
    ON head.definition_id = batch.definition_id
    AND head.livemode = batch.livemode
WHERE attempt.attempt_id IS NOT NULL OR head.definition_id IS NOT NULL
