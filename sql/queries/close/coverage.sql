-- What is outstanding of an account ($1), and what of it the sender's own list has confirmed within seven days, by
-- currency, in 1/100000; nothing where nobody ever asked the sender.
SELECT currency, round(outstanding * 100000) AS outstanding, round(confirmed_7_days * 100000) AS confirmed
FROM reporting.reconciliation_coverage
WHERE account_id IS NOT DISTINCT FROM $1 AND outstanding > 0
    AND EXISTS (SELECT FROM giftcert.reconciliation_run WHERE livemode)
ORDER BY currency
