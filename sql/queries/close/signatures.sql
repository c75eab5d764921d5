-- The signatures of a close ($1).
SELECT signed_by, signed_at, public_key, signature
FROM giftcert.close_signature
WHERE close_id = $1
ORDER BY signed_at, public_key
