-- Customers ($1 livemode) who are due: confirmed before $2 or never, or to be asked for again by now. Those confirmed longest
-- ago come first, then the largest. $3: the accounts that the key speaks for; $4: only customers who hold something;
-- $5: only these; $6: at most so many.
WITH held AS (
    SELECT
        customer_number,
        array_agg(certificate_id) FILTER (WHERE NOT deleted AND balance <> 0) AS certificates,
        sum(CASE WHEN deleted THEN 0 ELSE balance END) AS outstanding
    FROM certificate
    WHERE livemode = $1
        AND giftcert.why_not_askable(customer_number, status) IS NULL
        AND ($3::text[] IS NULL OR account_id IS NULL OR account_id = ANY ($3))
        AND ($5::text[] IS NULL OR customer_number = ANY ($5))
    GROUP BY customer_number
)

SELECT
    held.customer_number AS list_key,
    coalesce(held.certificates, '{}') AS known
FROM held
LEFT JOIN reconciliation_list AS asked
    ON asked.list_key = held.customer_number COLLATE "C" AND asked.livemode = $1 AND asked.entity = 'certificate'
WHERE (held.certificates IS NOT NULL OR asked.again_at IS NOT NULL OR NOT $4)
    AND (asked.asked_at IS NULL OR asked.asked_at < $2 OR asked.again_at <= clock_timestamp())
    -- One who cannot be asked for is left alone for a minute, then two, and for a day at most.
    AND (
        asked.failed_at IS NULL
        OR asked.failed_at + least(interval '1 day', interval '30 seconds' * 2 ^ least(asked.failures, 20)) <= clock_timestamp()
    )
ORDER BY asked.asked_at NULLS FIRST, held.outstanding DESC, held.customer_number COLLATE "C"
LIMIT $6
