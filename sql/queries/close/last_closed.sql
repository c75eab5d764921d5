-- The last closed month of an account ($1, NULL is one).
SELECT month FROM giftcert.closed_period WHERE account_id IS NOT DISTINCT FROM $1
