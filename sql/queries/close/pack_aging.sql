-- What was left at a month's end ($1), of a close ($2), by the days since the purchase on its station's clock.
SELECT
    currency,
    width_bucket((($1::date + interval '1 month')::date - 1) - purchase_day, ARRAY[31, 91, 181, 366, 731, 1096]) AS class,
    sum(row.balance) AS outstanding,
    count(*) AS certificates
FROM giftcert.close_certificate AS row
LEFT JOIN (SELECT certificate_id, purchase_day FROM giftcert.certificate WHERE livemode) AS bought USING (certificate_id)
WHERE close_id = $2
GROUP BY currency, class
ORDER BY currency COLLATE "C", class NULLS LAST
