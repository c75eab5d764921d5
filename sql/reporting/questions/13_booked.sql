-- What was booked into each month, and how much of it belongs to earlier ones that were closed already?
SELECT
    month,
    currency,
    sum(opening) AS opening,
    sum(closing - opening) AS change,
    sum(of_which_for_earlier_months) AS of_which_for_earlier_months,
    sum(closing) AS closing
FROM reporting.books_monthly
GROUP BY month, currency
ORDER BY month, currency;
