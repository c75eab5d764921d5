-- What is known of a batch ($1 certificate ids, $2 livemodes, $3 event ids, $4 attempt ids): of each event, by its
-- number in the batch, whether the ledger holds the attempt and the history the event, and how far its certificate
-- has come. Of what is new nothing is said.
SELECT
    batch.number,
    attempt.is_known IS NOT NULL AS is_attempt_known,
    history.is_known IS NOT NULL AS is_event_known,
    head.occurred_at,
    head.emitted_at,
    head.kind,
    head.transactions_paid,
    head.event_id,
    NULL::timestamptz AS deleted_at
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[])
    WITH ORDINALITY AS batch (certificate_id, livemode, event_id, attempt_id, number)
-- Each by its key: the limit keeps the planner, which may know the tables from when they were empty, from reading all.
LEFT JOIN LATERAL (
    SELECT true AS is_known
    FROM webhook_attempt
    WHERE attempt_id = batch.attempt_id AND livemode = batch.livemode
    LIMIT 1
) AS attempt ON true
LEFT JOIN LATERAL (
    SELECT true AS is_known
    FROM certificate_history
    WHERE certificate_id = batch.certificate_id AND livemode = batch.livemode AND event_id = batch.event_id
    LIMIT 1
) AS history ON true
LEFT JOIN LATERAL (
    SELECT
        true AS is_known, occurred_at, emitted_at, kind, coalesce(transactions_paid, -1) AS transactions_paid, event_id
    FROM certificate
    WHERE certificate_id = batch.certificate_id AND livemode = batch.livemode
    LIMIT 1
) AS head ON true
WHERE attempt.is_known OR head.is_known
