-- Exceptions of a rule ($1, NULL for all); those that are acknowledged, too, where $2 says so.
SELECT
    rule, severity, entity, entity_id, event_id, observed, expected, is_acknowledged, acknowledged_by, because
FROM {schema}.data_quality_exceptions
WHERE ($1::text IS NULL OR rule = $1) AND ($2::boolean OR NOT is_acknowledged)
ORDER BY severity, rule, entity_id, event_id
