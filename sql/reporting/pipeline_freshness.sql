CREATE OR REPLACE VIEW {schema}.pipeline_freshness AS
SELECT
    -- Singular and plural differ: giftcertificate.* are certificates, giftcertificates.* are definitions.
    CASE WHEN attempt.event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END AS entity,
    max(attempt.emitted_at) AS newest_emitted_at,
    max(attempt.received_at) AS newest_received_at,
    max(attempt.applied_at) AS newest_applied_at,
    extract(epoch FROM now() - max(attempt.applied_at))::bigint AS seconds_since_applied,
    count(*) AS attempts,
    count(*) FILTER (WHERE attempt.outcome = 'stale') AS attempts_stale,
    count(*) FILTER (WHERE attempt.outcome = 'resend') AS attempts_resent
FROM giftcert.webhook_attempt AS attempt
WHERE attempt.livemode = {livemode}
GROUP BY 1;

COMMENT ON VIEW {schema}.pipeline_freshness IS
'Grain: one row for certificates and one for definitions, once anything arrived.
Reader: whoever wants to know how old these reports are.
Definition: the newest attempts in the ledger, and how many it holds (old ones are pruned).';
