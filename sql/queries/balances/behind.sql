-- How many certificates are to be published, and since when, in seconds, at most.
SELECT
    waiting.certificates,
    CASE WHEN waiting.certificates = 0 THEN 0
        ELSE greatest(0, extract(epoch FROM clock_timestamp() - published_as_of))::double precision
    END AS seconds
FROM giftcert.balance_publisher
CROSS JOIN (SELECT count(*) AS certificates FROM giftcert.balance_outbox) AS waiting
