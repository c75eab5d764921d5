-- The closes of an account ($1) up to a month ($2), in their order, each with what it was prepared by and its manifest.
SELECT
    close.id, close.month, close.account_id, close.cut_at, close.cut_by, close.last_line, close.last_settled,
    close.prepared, close.time_zone, close.account_currencies, prepared.prepared_at, prepared.prepared_by, prepared.warnings, prepared.coverage, prepared.month AS prepared_month,
    prepared.account_id AS prepared_account_id,
    signed.manifest
FROM giftcert.close
JOIN giftcert.close_prepared AS prepared ON prepared.id = close.prepared
LEFT JOIN giftcert.close_manifest AS signed ON signed.close_id = close.id
WHERE close.account_id IS NOT DISTINCT FROM $1 AND close.month <= $2
ORDER BY close.month
