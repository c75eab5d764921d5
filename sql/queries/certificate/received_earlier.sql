-- Resends ($1 certificate ids, $2 livemodes, $3 event ids, $4 arrivals) may show that an event was known earlier.
UPDATE certificate_history AS known
SET received_at = resent.received_at
FROM (
    SELECT certificate_id, livemode, event_id, min(received_at) AS received_at
    FROM unnest($1::text[], $2::boolean[], $3::text[], $4::timestamptz[])
        AS batch (certificate_id, livemode, event_id, received_at)
    GROUP BY certificate_id, livemode, event_id
) AS resent
WHERE known.certificate_id = resent.certificate_id
    AND known.livemode = resent.livemode
    AND known.event_id = resent.event_id
    AND known.received_at > resent.received_at
