-- The accounts that have closes (NULL is one), and the newest month that is closed.
SELECT account_id, max(month) AS month
FROM giftcert.close
GROUP BY account_id
ORDER BY account_id NULLS FIRST
