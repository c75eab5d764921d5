-- Attempts that two workers applied at the same moment with two events, one beside its event and one by itself, among those
-- by themselves since a time ($1). Across the two tables nothing is unique.
INSERT INTO giftcert.exception (
    rule, severity, entity, entity_id, livemode, event_id, occurred_at, found_at, observed, expected
)
SELECT
    'attempt_reused', 'warning', other.family, other.entity_id, other.livemode, other.event_id, other.emitted_at,
    clock_timestamp(), 'attempt ' || other.attempt_id,
    'an attempt id of its own: this one brought an event of the certificate ' || history.certificate_id || ', too'
FROM (
    SELECT *, CASE WHEN event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END AS family
    FROM giftcert.other_attempt
    WHERE applied_at >= $1
) AS other
JOIN giftcert.certificate_history AS history USING (attempt_key)
WHERE (other.family, other.entity_id, other.event_id) <> ('certificate', history.certificate_id, history.event_id)
    AND NOT EXISTS (
        SELECT
        FROM giftcert.exception AS known
        WHERE known.entity_id = other.entity_id
            AND known.entity = other.family
            AND known.livemode = other.livemode
            AND known.rule = 'attempt_reused'
            AND known.event_id = other.event_id
            AND known.observed = 'attempt ' || other.attempt_id
    )
