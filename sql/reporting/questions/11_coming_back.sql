-- How much of what was sold had come back after three months?
SELECT cohort_month, currency, face_value, redeemed_so_far, redemption_rate
FROM reporting.cohort_redemption
WHERE months_since_purchase = 3
ORDER BY cohort_month, currency;
