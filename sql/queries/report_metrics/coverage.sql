-- What is confirmed, and of what, by currency; nothing where nobody ever asked.
SELECT currency, sum(confirmed_7_days), sum(outstanding)
FROM reporting.reconciliation_coverage
WHERE EXISTS (SELECT FROM giftcert.reconciliation_run WHERE livemode)
GROUP BY currency
HAVING sum(outstanding) > 0
