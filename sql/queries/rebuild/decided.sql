-- Of a batch ($1 families, $2 entity ids, $3 event ids, $4 attempt keys) the events, by number, whose attempt brought
-- another one, as the live ledger knows; and whether it brought this one, too: two workers met it at the same moment.
SELECT
    batch.number,
    bool_or(
        brought.is_first
        AND (brought.family, brought.entity_id, brought.event_id) = (batch.family, batch.entity_id, batch.event_id)
    ) AS is_brought
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[])
    WITH ORDINALITY AS batch (family, entity_id, event_id, attempt_key, number)
-- Each by its key, as in the look-ups of the worker.
CROSS JOIN LATERAL (
    (
        SELECT 'certificate' AS family, certificate_id AS entity_id, event_id, true AS is_first
        FROM giftcert.certificate_history
        WHERE attempt_key = batch.attempt_key
        LIMIT 1
    )
    UNION ALL
    (
        SELECT
            CASE WHEN event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END,
            entity_id,
            event_id,
            outcome <> 'resend'
        FROM giftcert.other_attempt
        WHERE attempt_key = batch.attempt_key
        LIMIT 1
    )
) AS brought
GROUP BY batch.number
HAVING bool_or((brought.family, brought.entity_id, brought.event_id) <> (batch.family, batch.entity_id, batch.event_id))
