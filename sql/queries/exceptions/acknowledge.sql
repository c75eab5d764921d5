-- Acknowledge the open exceptions of a rule ($1) and an entity ($2), of one event ($3) or of all: who ($4), why ($5), and of
-- which traffic ($6 livemode).
INSERT INTO giftcert.exception_acknowledgement (
    rule, entity, entity_id, event_id, observed, expected, acknowledged_by, because, livemode
)
SELECT rule, entity, entity_id, event_id, observed, expected, $4, $5, $6::boolean
FROM {schema}.data_quality_exceptions
WHERE rule = $1 AND entity_id = $2 AND ($3::text IS NULL OR event_id = $3) AND NOT is_acknowledged
