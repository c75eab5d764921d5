-- What was booked into a month ($1) for each earlier one: account ($2), lines up to ($3).
SELECT
    date_trunc('month', posting_day::timestamp)::date AS posting_month, currency, movement::text AS movement,
    sum(change) AS change, count(*) AS lines
FROM giftcert.journal
WHERE livemode AND id <= $3 AND account_id IS NOT DISTINCT FROM $2 AND period = $1 AND posting_day < $1
GROUP BY 1, currency, movement
ORDER BY 1, currency COLLATE "C", journal.movement
