-- Every month and account that was prepared or closed, and how far it is.
SELECT
    prepared.month, prepared.account_id, prepared.prepared_by, prepared.prepared_at,
    close.cut_by, close.cut_at,
    (SELECT string_agg(signed_by, ', ' ORDER BY signed_at) FROM giftcert.close_signature WHERE close_id = close.id)
        AS signed_by,
    CASE
        WHEN EXISTS (SELECT FROM giftcert.close_signature WHERE close_id = close.id) THEN 'signed'
        WHEN close.id IS NOT NULL THEN 'cut'
        ELSE 'prepared'
    END AS state
FROM (
    SELECT DISTINCT ON (month, account_id) * FROM giftcert.close_prepared ORDER BY month, account_id, id DESC
) AS prepared
LEFT JOIN giftcert.close
    ON close.month = prepared.month AND close.account_id IS NOT DISTINCT FROM prepared.account_id
ORDER BY prepared.month, prepared.account_id NULLS FIRST
