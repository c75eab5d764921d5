-- What a run ($1) has done more: $2 lists, $3 certificates and definitions, $4 failures.
UPDATE reconciliation_run SET
    latest_at = clock_timestamp(),
    lists = lists + $2,
    items = items + $3,
    failures = failures + $4
WHERE id = $1
