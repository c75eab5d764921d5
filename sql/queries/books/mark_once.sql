-- One exception, unless it stands: what shows it may come again and again.
INSERT INTO giftcert.exception (
    entity, entity_id, livemode, found_at, rule, severity, event_id, occurred_at, account_id, observed, expected
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
WHERE NOT EXISTS (
    SELECT
    FROM giftcert.exception
    WHERE entity = $1 AND entity_id = $2 AND livemode = $3 AND rule = $5 AND observed = $10
        AND event_id IS NOT DISTINCT FROM $7
)
