-- The exceptions of live traffic that were acknowledged between two cuts ($1, NULL where there is none before, and $2).
SELECT rule, entity, entity_id, observed, expected, acknowledged_by, because
FROM giftcert.exception_acknowledgement
WHERE livemode AND acknowledged_at > coalesce($1::timestamptz, '-infinity') AND acknowledged_at <= $2
ORDER BY id
