-- The rows of one certificate ($2) of a close ($1), in their order.
SELECT certificate_id, currency, issuing_station_id, balance, balance_at_consideration, event_id, salt, leaf
FROM giftcert.close_certificate
WHERE close_id = $1 AND certificate_id = $2
ORDER BY currency, issuing_station_id NULLS FIRST
