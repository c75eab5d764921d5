CREATE OR REPLACE VIEW {schema}.pipeline_freshness AS
-- Of the two tables behind webhook_attempt, which would name each event first.
WITH attempt AS (
    SELECT
        'certificate' AS entity, max(emitted_at) AS newest_emitted_at, max(attempt_received_at) AS newest_received_at,
        max(applied_at) AS newest_applied_at, count(*) AS attempts,
        count(*) FILTER (WHERE outcome = 'stale') AS attempts_stale,
        0 AS attempts_resent
    FROM giftcert.certificate_history
    -- Of what an earlier version had pruned nothing is known.
    WHERE livemode = {livemode} AND applied_at IS NOT NULL

    UNION ALL

    SELECT
        -- Singular and plural differ: giftcertificate.* are certificates, giftcertificates.* are definitions.
        CASE WHEN event LIKE 'giftcertificates.%' THEN 'definition' ELSE 'certificate' END,
        max(emitted_at), max(received_at), max(applied_at), count(*),
        count(*) FILTER (WHERE outcome = 'stale'),
        count(*) FILTER (WHERE outcome = 'resend')
    FROM giftcert.other_attempt
    WHERE livemode = {livemode}
    GROUP BY 1
)

SELECT
    entity,
    max(newest_emitted_at) AS newest_emitted_at,
    max(newest_received_at) AS newest_received_at,
    max(newest_applied_at) AS newest_applied_at,
    extract(epoch FROM now() - max(newest_applied_at))::bigint AS seconds_since_applied,
    sum(attempts)::bigint AS attempts,
    sum(attempts_stale)::bigint AS attempts_stale,
    sum(attempts_resent)::bigint AS attempts_resent
FROM attempt
GROUP BY entity
HAVING sum(attempts) > 0;

COMMENT ON VIEW {schema}.pipeline_freshness IS
'Grain: one row for certificates and one for definitions, once anything arrived.
Reader: whoever wants to know how old these reports are.
Definition: the newest attempts in the ledger, and how many it holds (old ones are pruned).';
