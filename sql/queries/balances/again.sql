-- Certificates ($1 ids, $2 livemodes) are published once more, though no event changed them. Their rows must be locked by now: so
-- of two transactions the later one draws the higher version. In the order of their keys, so that two of us do not deadlock.
INSERT INTO giftcert.balance_outbox AS known (certificate_id, livemode, changed_at)
SELECT certificate_id, livemode, clock_timestamp()
FROM unnest($1::text[], $2::boolean[]) AS changed (certificate_id, livemode)
ORDER BY certificate_id, livemode
ON CONFLICT (certificate_id, livemode) DO UPDATE SET
    version = EXCLUDED.version, changed_at = EXCLUDED.changed_at, traceparent = NULL
