-- Which events of a batch ($1 certificate ids, $2 livemodes, $3 event ids) are in the history.
SELECT certificate_id, livemode, event_id
FROM certificate_history
JOIN unnest($1::text[], $2::boolean[], $3::text[]) AS batch (certificate_id, livemode, event_id)
    USING (certificate_id, livemode, event_id)
