-- The exceptions of certificates ($1 ids, $2 livemodes) that their events show.
SELECT
    found.entity_id, found.livemode, found.rule, found.severity, found.event_id, found.occurred_at, found.account_id,
    found.observed, found.expected
FROM unnest($1::text[], $2::boolean[]) AS wanted (certificate_id, livemode)
CROSS JOIN LATERAL (
    SELECT *
    FROM giftcert.exception
    WHERE entity_id = wanted.certificate_id AND livemode = wanted.livemode
        AND entity = 'certificate' AND rule <> 'attempt_reused'
    OFFSET 0
) AS found
