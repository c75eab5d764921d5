-- How many attempts that were applied since $1 the shadow does not know. (Older ones may be missing from the live
-- ledger instead: prune takes them away.)
SELECT count(*)
FROM (
    SELECT attempt_key FROM giftcert.certificate_history WHERE applied_at >= $1
    UNION ALL
    SELECT attempt_key FROM giftcert.other_attempt WHERE applied_at >= $1
) AS live
WHERE NOT EXISTS (
        SELECT FROM giftcert_shadow.certificate_history AS shadow WHERE shadow.attempt_key = live.attempt_key
    )
    AND NOT EXISTS (SELECT FROM giftcert_shadow.other_attempt AS shadow WHERE shadow.attempt_key = live.attempt_key)
