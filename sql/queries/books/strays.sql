-- What has lines that stand, or a row, and no history.
SELECT certificate_id, livemode
FROM (
    SELECT certificate_id, livemode FROM certificate
    UNION
    SELECT certificate_id, livemode FROM giftcert.journal
) AS known
WHERE NOT EXISTS (
    SELECT
    FROM certificate_history AS history
    WHERE history.certificate_id = known.certificate_id AND history.livemode = known.livemode
)
ORDER BY certificate_id, livemode
