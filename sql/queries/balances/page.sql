-- Certificates in the outbox behind a key ($1 id, $2 livemode), $3 at most.
SELECT certificate_id, livemode
FROM giftcert.balance_outbox
WHERE (certificate_id, livemode) > ($1, $2::boolean)
ORDER BY certificate_id, livemode
LIMIT $3
