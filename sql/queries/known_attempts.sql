-- Which attempts of a batch ($1 attempt ids, $2 livemodes) the ledger holds.
SELECT attempt_id, livemode
FROM webhook_attempt
JOIN unnest($1::text[], $2::boolean[]) AS batch (attempt_id, livemode) USING (attempt_id, livemode)
