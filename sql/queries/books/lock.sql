-- Certificates ($1 ids, $2 livemodes, in their order) are nobody else's until this transaction ends. Nothing is read here:
-- a statement that waits for a lock returns what stood before.
SELECT
FROM unnest($1::text[], $2::boolean[]) WITH ORDINALITY AS wanted (certificate_id, livemode, number)
CROSS JOIN LATERAL (
    SELECT true AS is_locked
    FROM certificate
    WHERE certificate_id = wanted.certificate_id AND livemode = wanted.livemode
    FOR NO KEY UPDATE
) AS locked
