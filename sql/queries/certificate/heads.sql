-- How far the certificates of a batch ($1 certificate ids, $2 livemodes) have come.
SELECT certificate_id, livemode, occurred_at, emitted_at, kind, event_id, NULL::timestamptz AS deleted_at
FROM certificate
JOIN unnest($1::text[], $2::boolean[]) AS batch (certificate_id, livemode) USING (certificate_id, livemode)
