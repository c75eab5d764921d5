-- What is known of a batch ($1 certificate ids, $2 livemodes, $3 event ids, $4 attempt ids): of each event, by its
-- number in the batch, whether the ledger holds the attempt and the history the event, and how far its certificate
-- has come. Of what is new nothing is said.
SELECT
    batch.number,
    attempt.attempt_id IS NOT NULL AS is_attempt_known,
    history.event_id IS NOT NULL AS is_event_known,
    head.occurred_at,
    head.emitted_at,
    head.kind,
    head.event_id,
    NULL::timestamptz AS deleted_at
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[])
    WITH ORDINALITY AS batch (certificate_id, livemode, event_id, attempt_id, number)
LEFT JOIN webhook_attempt AS attempt
    ON attempt.attempt_id = batch.attempt_id
    AND attempt.livemode = batch.livemode
LEFT JOIN certificate_history AS history
    ON history.certificate_id = batch.certificate_id
    AND history.livemode = batch.livemode
    AND history.event_id = batch.event_id
LEFT JOIN certificate AS head
    ON head.certificate_id = batch.certificate_id
    AND head.livemode = batch.livemode
WHERE attempt.attempt_id IS NOT NULL OR head.certificate_id IS NOT NULL
