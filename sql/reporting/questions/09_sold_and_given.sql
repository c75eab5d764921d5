-- What was sold, and what was given away, month by month?
SELECT
    date_trunc('month', day::timestamp)::date AS month,
    currency,
    sum(sold) AS sold,
    sum(price) AS price,
    sum(discount) AS discount,
    sum(given_away) AS given_away,
    sum(face_value_given_away) AS face_value_given_away
FROM reporting.sales_daily
GROUP BY 1, currency
ORDER BY 1, currency;
