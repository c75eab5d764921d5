-- The leaves of the tree of a close ($1), and whose they are.
SELECT certificate_id, leaf
FROM giftcert.close_certificate
WHERE close_id = $1
ORDER BY certificate_id, currency, issuing_station_id NULLS FIRST
