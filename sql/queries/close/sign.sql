-- One more signature of a close ($1): when ($2), by whom ($3), public key ($4), signature ($5).
INSERT INTO giftcert.close_signature (close_id, signed_at, signed_by, public_key, signature) VALUES ($1, $2, $3, $4, $5)
