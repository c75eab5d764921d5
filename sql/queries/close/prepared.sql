-- The newest preparation of a month ($1) and account ($2).
SELECT id, prepared_at, prepared_by, warnings, coverage
FROM giftcert.close_prepared
WHERE month = $1 AND account_id IS NOT DISTINCT FROM $2
ORDER BY id DESC
LIMIT 1
