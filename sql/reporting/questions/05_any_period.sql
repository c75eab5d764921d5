-- Does the third quarter close, and what moved it?
SELECT
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
FROM reporting.liability_rollforward('2025-07-01', '2025-09-30')
GROUP BY currency
ORDER BY currency;
