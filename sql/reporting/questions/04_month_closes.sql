-- How did one month's liability become the next one's, in all stations together?
SELECT
    month,
    currency,
    sum(opening) AS opening,
    sum(issued) AS issued,
    sum(first_seen) AS first_seen,
    sum(adjusted_up) AS adjusted_up,
    sum(redeemed) AS redeemed,
    sum(adjusted_down) AS adjusted_down,
    sum(voided) AS voided,
    sum(closing) AS closing,
    sum(difference) AS difference
FROM reporting.liability_rollforward_monthly
GROUP BY month, currency
ORDER BY month, currency;
