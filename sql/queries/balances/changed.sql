-- Certificates ($1 ids, $2 livemodes) that were booked at $3 are to be published; $4 are the traces of what changed them, or none
-- at all. Their rows must be locked by now: so of two transactions that change a certificate the later one draws the higher
-- version. In the order of their keys, so that two workers do not deadlock.
INSERT INTO giftcert.balance_outbox AS known (certificate_id, livemode, changed_at, traceparent)
SELECT certificate_id, livemode, $3, traceparent
FROM unnest($1::text[], $2::boolean[], $4::text[]) AS changed (certificate_id, livemode, traceparent)
ORDER BY certificate_id, livemode
ON CONFLICT (certificate_id, livemode) DO UPDATE SET
    version = EXCLUDED.version, changed_at = EXCLUDED.changed_at, traceparent = EXCLUDED.traceparent
