-- The accounts that have lines in a month ($1) or before it, or a close; NULL is one.
SELECT account_id FROM giftcert.journal WHERE livemode AND period <= $1
UNION
SELECT account_id FROM giftcert.close
ORDER BY account_id NULLS FIRST
