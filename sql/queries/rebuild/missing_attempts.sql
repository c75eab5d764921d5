-- How many attempts that were applied since $1 the shadow does not know. (Older ones may be missing from the live
-- ledger instead: prune takes them away.)
SELECT count(*)
FROM giftcert.webhook_attempt AS live
WHERE applied_at >= $1
    AND NOT EXISTS (
        SELECT FROM giftcert_shadow.webhook_attempt AS shadow
        WHERE shadow.attempt_id = live.attempt_id AND shadow.livemode = live.livemode
    )
