-- What was outstanding at the end of a month ($1) and of the eleven before it: account ($2), lines up to ($3).
SELECT month::date AS month, currency, sum(change) AS closing
FROM generate_series($1::date - interval '11 months', $1::date, interval '1 month') AS month
JOIN (
    SELECT period, currency, sum(change) AS change
    FROM giftcert.journal
    WHERE livemode AND id <= $3 AND account_id IS NOT DISTINCT FROM $2 AND period <= $1
    GROUP BY period, currency
) AS booked ON booked.period <= month
GROUP BY month, currency
ORDER BY currency COLLATE "C", month
