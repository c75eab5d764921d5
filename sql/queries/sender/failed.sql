-- A list ($3; $1 entity, $2 livemode) could not be asked for, and why ($4).
INSERT INTO reconciliation_list (entity, livemode, list_key, failed_at, failures, failure)
VALUES ($1, $2, $3, clock_timestamp(), 1, $4)
ON CONFLICT (list_key, livemode, entity) DO UPDATE SET
    failed_at = excluded.failed_at,
    failures = reconciliation_list.failures + 1,
    failure = excluded.failure
