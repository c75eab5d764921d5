-- Every month and account that was prepared or closed, and how far it is.
SELECT
    prepared.month, prepared.account_id, prepared.prepared_by, prepared.prepared_at,
    close.cut_by, close.cut_at,
    (
        SELECT string_agg(signed_by, ', ' ORDER BY first_at)
        FROM (
            SELECT signed_by, min(signed_at) AS first_at
            FROM giftcert.close_signature
            WHERE close_id = close.id
            GROUP BY signed_by
        ) AS signer
    ) AS signed_by,
    CASE
        WHEN EXISTS (SELECT FROM giftcert.close_signature WHERE close_id = close.id) THEN 'signed'
        WHEN close.id IS NOT NULL THEN 'cut'
        ELSE 'prepared'
    END AS state
FROM (
    SELECT DISTINCT ON (newest.month, newest.account_id) newest.*
    FROM giftcert.close_prepared AS newest
    LEFT JOIN giftcert.close ON close.prepared = newest.id
    -- Of a month that is closed the preparation that counted, else the newest.
    ORDER BY newest.month, newest.account_id, close.id IS NULL, newest.id DESC
) AS prepared
LEFT JOIN giftcert.close
    ON close.month = prepared.month AND close.account_id IS NOT DISTINCT FROM prepared.account_id
ORDER BY prepared.month, prepared.account_id NULLS FIRST
