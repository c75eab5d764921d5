-- Customers ($1 livemode) who are due: confirmed before $2 or never, or to be asked for again by now. Those confirmed longest
-- ago come first, then the largest. $3: the accounts that the key speaks for; $4: only customers who hold something;
-- $5: only these; $6: at most so many.
WITH held AS (
    SELECT
        customer_number,
        array_agg(certificate_id) FILTER (WHERE NOT deleted AND balance <> 0) AS certificates,
        sum(CASE WHEN deleted THEN 0 ELSE balance END) AS outstanding
    FROM (
        SELECT customer_number, certificate_id, deleted, balance
        FROM certificate
        WHERE livemode = $1
            -- What is asked of a customer's number is asked below, once; of 'paid', as most are, nothing need be asked.
            AND customer_number IS NOT NULL
            AND (status = 'paid' OR giftcert.why_not_askable('a number', status) IS NULL)
            AND ($3::text[] IS NULL OR account_id IS NULL OR account_id = ANY ($3))
            AND ($5::text[] IS NULL OR customer_number = ANY ($5))
        -- Where all are due, to sort them costs less than to keep a list of each in memory.
        ORDER BY customer_number
    ) AS askable
    GROUP BY customer_number
    -- So that the planner asks what is asked below of customers, and not of their certificates.
    OFFSET 0
)

SELECT
    held.customer_number AS list_key,
    coalesce(held.certificates, '{}') AS known
FROM held
LEFT JOIN reconciliation_list AS asked
    ON asked.list_key = held.customer_number COLLATE "C" AND asked.livemode = $1 AND asked.entity = 'certificate'
WHERE giftcert.why_not_askable(held.customer_number, NULL) IS NULL
    AND (held.certificates IS NOT NULL OR asked.again_at IS NOT NULL OR NOT $4)
    AND (asked.asked_at IS NULL OR asked.asked_at < $2 OR asked.again_at <= clock_timestamp())
    -- One who cannot be asked for is left alone for a minute, then two, and for a day at most.
    AND (
        asked.failed_at IS NULL
        OR asked.failed_at + least(interval '1 day', interval '30 seconds' * 2 ^ least(asked.failures, 20)) <= clock_timestamp()
    )
ORDER BY asked.asked_at NULLS FIRST, held.outstanding DESC, held.customer_number COLLATE "C"
LIMIT $6
