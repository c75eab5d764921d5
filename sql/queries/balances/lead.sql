-- Begin to lead ($1 a name that nobody had before) for $2 seconds, unless somebody does.
UPDATE giftcert.balance_publisher
SET leader = $1, leads_until = clock_timestamp() + make_interval(secs => $2)
WHERE leads_until < clock_timestamp()
RETURNING true
