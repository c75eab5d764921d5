-- What was paid in a month ($1) at each station with certificates of each other one: account ($2), lines up to ($3).
SELECT currency, issuing_station_id, station_id AS redeeming_station_id, -sum(change) AS redeemed
FROM giftcert.journal
WHERE livemode AND id <= $3 AND account_id IS NOT DISTINCT FROM $2 AND period = $1 AND movement = 'redeemed'
GROUP BY currency, issuing_station_id, station_id
HAVING sum(change) <> 0
ORDER BY
    currency COLLATE "C", issuing_station_id COLLATE "C" NULLS FIRST, station_id COLLATE "C" NULLS FIRST
