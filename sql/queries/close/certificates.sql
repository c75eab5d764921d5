-- The rows of certificates of a close ($1), as leaves of its tree.
SELECT certificate_id, currency, issuing_station_id, balance, balance_at_consideration, event_id, salt, leaf
FROM giftcert.close_certificate
WHERE close_id = $1
ORDER BY certificate_id, currency, issuing_station_id NULLS FIRST
