-- Which events of a batch ($1 definition ids, $2 livemodes, $3 event ids) the ledger holds.
SELECT entity_id, livemode, event_id
FROM webhook_attempt
JOIN unnest($1::text[], $2::boolean[], $3::text[]) AS batch (entity_id, livemode, event_id)
    USING (entity_id, livemode, event_id)
WHERE event LIKE 'giftcertificates.%' AND outcome <> 'resend'
