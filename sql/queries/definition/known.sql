-- What is known of a batch ($1 definition ids, $2 livemodes, $3 event ids, $4 attempt keys): of each event, by its number
-- in the batch, which event the attempt brought, whether the event is known, and how far its definition has come. Of what
-- is new nothing is said.
SELECT
    batch.number,
    coalesce(attempt.family, of_certificate.family) AS attempt_family,
    coalesce(attempt.entity_id, of_certificate.entity_id) AS attempt_entity_id,
    coalesce(attempt.event_id, of_certificate.event_id) AS attempt_event_id,
    earlier.is_known IS NOT NULL AS is_event_known,
    NULL::timestamptz AS event_received_at,
    head.*
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::bytea[])
    WITH ORDINALITY AS batch (definition_id, livemode, event_id, attempt_key, number)
-- Each by its key, as of certificates.
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END AS family,
        entity_id,
        event_id
    FROM other_attempt
    WHERE attempt_key = batch.attempt_key
    LIMIT 1
) AS attempt ON true
LEFT JOIN LATERAL (
    SELECT 'certificate' AS family, certificate_id AS entity_id, event_id
    FROM certificate_history
    WHERE attempt_key = batch.attempt_key
    LIMIT 1
) AS of_certificate ON true
LEFT JOIN LATERAL (
    SELECT true AS is_known
    FROM other_attempt
    WHERE
        entity_id = batch.definition_id AND livemode = batch.livemode AND event_id = batch.event_id
        AND event LIKE 'giftcertificates.%' AND outcome <> 'resend'
    LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT
        true AS is_known, deleted_at, kind, occurred_at, emitted_at, event_id,
        first_currency_kind, first_currency_occurred_at, first_currency_emitted_at, first_currency_event_id,
        first_currency_code
    FROM definition
    WHERE definition_id = batch.definition_id AND livemode = batch.livemode
    LIMIT 1
) AS head ON true
WHERE attempt.entity_id IS NOT NULL OR of_certificate.entity_id IS NOT NULL OR head.is_known
