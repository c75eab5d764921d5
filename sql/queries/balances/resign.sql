-- Lead ($1) no longer.
UPDATE giftcert.balance_publisher SET leader = NULL, leads_until = '-infinity' WHERE leader = $1
