-- Lead ($1) for another $2 seconds, if nobody else has begun to; what was committed $3 seconds ago is published, if that is
-- not NULL.
UPDATE giftcert.balance_publisher
SET
    leads_until = clock_timestamp() + make_interval(secs => $2),
    published_as_of = greatest(published_as_of, clock_timestamp() - make_interval(secs => $3))
WHERE leader = $1
RETURNING true
