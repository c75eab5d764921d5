-- Open exceptions of severity error of an account ($1), and of what belongs to none: how many of each rule. Of the topics those
-- that were looked for just now ($2 rules, $3 topics, $4 what was observed, $5 what was expected), and none that was noted.
SELECT rule, count(*) AS number
FROM (
    SELECT rule
    FROM reporting.data_quality_exceptions
    WHERE severity = 'error' AND NOT is_acknowledged AND entity <> 'topic'
        AND (account_id IS NOT DISTINCT FROM $1 OR account_id IS NULL)

    UNION ALL

    SELECT found.rule
    FROM (
        SELECT DISTINCT *
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS found (rule, topic, observed, expected)
    ) AS found
    WHERE NOT EXISTS (
        SELECT
        FROM giftcert.exception_acknowledgement AS known
        WHERE known.livemode
            AND known.entity = 'topic'
            AND (known.rule, known.entity_id, known.observed, known.expected)
                = (found.rule, found.topic, found.observed, found.expected)
    )
) AS open
GROUP BY rule
ORDER BY rule
