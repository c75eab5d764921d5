-- What we have of these certificates ($2), by $1 livemode.
SELECT certificate_id AS entity_id, CASE WHEN deleted THEN 0 ELSE balance END AS amount, NULL::bigint AS price, account_id
FROM certificate
WHERE livemode = $1 AND certificate_id = ANY ($2)
