-- A list ($3; $1 entity, $2 livemode) was asked for and compared; $4: after how many seconds again, NULL when its turn comes.
INSERT INTO reconciliation_list (entity, livemode, list_key, asked_at, again_at)
VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + $4::double precision * interval '1 second')
ON CONFLICT (list_key, livemode, entity) DO UPDATE SET
    asked_at = excluded.asked_at,
    again_at = excluded.again_at,
    failed_at = NULL,
    failures = 0,
    failure = NULL
