-- A customer who holds something and can be asked for. $1: the accounts that the key speaks for.
SELECT customer_number
FROM certificate
WHERE livemode
    AND NOT deleted
    AND balance > 0
    AND giftcert.why_not_askable(customer_number, status) IS NULL
    AND ($1::text[] IS NULL OR account_id IS NULL OR account_id = ANY ($1))
LIMIT 1
