CREATE OR REPLACE VIEW {schema}.pipeline_freshness AS
-- Of the two tables behind webhook_attempt, which would name each event first.
WITH attempt AS (
    SELECT 'certificate' AS entity, emitted_at, attempt_received_at AS received_at, applied_at, outcome
    FROM giftcert.certificate_history
    WHERE livemode = {livemode} AND attempt_id IS NOT NULL

    UNION ALL

    SELECT
        -- Singular and plural differ: giftcertificate.* are certificates, giftcertificates.* are definitions.
        CASE WHEN event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END,
        emitted_at, received_at, applied_at, outcome
    FROM giftcert.other_attempt
    WHERE livemode = {livemode}
)

SELECT
    entity,
    max(emitted_at) AS newest_emitted_at,
    max(received_at) AS newest_received_at,
    max(applied_at) AS newest_applied_at,
    extract(epoch FROM now() - max(applied_at))::bigint AS seconds_since_applied,
    count(*) AS attempts,
    count(*) FILTER (WHERE outcome = 'stale') AS attempts_stale,
    count(*) FILTER (WHERE outcome = 'resend') AS attempts_resent
FROM attempt
GROUP BY entity;

COMMENT ON VIEW {schema}.pipeline_freshness IS
'Grain: one row for certificates and one for definitions, once anything arrived.
Reader: whoever wants to know how old these reports are.
Definition: the newest attempts in the ledger, and how many it holds (old ones are pruned).';
