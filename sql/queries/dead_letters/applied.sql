-- Which dead letters were applied since ($1 attempt ids, $2 livemodes, $3 entity ids, $4 event ids; NULL where a letter
-- does not say): the number of each whose attempt is in the ledger, or whose event is there by another attempt.
SELECT letter.number
FROM (
    SELECT
        *,
        -- As schemas.events makes it.
        substring(sha256(convert_to(CASE WHEN livemode THEN 't' ELSE 'f' END || attempt_id, 'UTF8')) FOR 16)
            AS attempt_key
    FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[])
        WITH ORDINALITY AS letter (attempt_id, livemode, entity_id, event_id, number)
) AS letter
WHERE
    EXISTS (SELECT FROM certificate_history WHERE attempt_key = letter.attempt_key)
    OR EXISTS (SELECT FROM other_attempt WHERE attempt_key = letter.attempt_key)
    OR EXISTS (
        SELECT FROM certificate_history
        WHERE certificate_id = letter.entity_id AND livemode = letter.livemode AND event_id = letter.event_id
    )
    OR EXISTS (
        SELECT FROM other_attempt
        WHERE
            entity_id = letter.entity_id AND livemode = letter.livemode AND event_id = letter.event_id
            AND event LIKE 'giftcertificates.%' AND outcome <> 'resend'
    )
