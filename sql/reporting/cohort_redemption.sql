CREATE OR REPLACE VIEW {schema}.cohort_redemption AS
WITH cohort AS (
    SELECT
        date_trunc('month', purchase_day::timestamp)::date AS cohort_month,
        account_id,
        currency,
        sum(certificates)::bigint AS certificates,
        sum(face_value) AS face_value
    -- By day first: there are many certificates, and few days.
    FROM (
        SELECT purchase_day, account_id, currency, count(*) AS certificates, sum(face_value) AS face_value
        FROM reporting_internal.sale
        WHERE livemode = {livemode}
        GROUP BY purchase_day, account_id, currency
    ) AS by_day
    GROUP BY cohort_month, account_id, currency
),

redemptions AS (
    SELECT purchase_month AS cohort_month, account_id, currency, posting_month AS month, sum(redeemed) AS redeemed
    FROM reporting_internal.redemption
    WHERE grouped_by = 'cohort' AND livemode = {livemode}
    GROUP BY cohort_month, account_id, currency, month
),

-- Every month of a cohort to the latest of the books, also those in which nothing was redeemed.
months AS (
    SELECT cohort.*, month::date AS month
    FROM cohort
    CROSS JOIN reporting_internal.latest_posting_day({livemode}, NULL) AS latest
    CROSS JOIN LATERAL generate_series(cohort.cohort_month::timestamp, latest::timestamp, interval '1 month') AS month
)

SELECT
    months.cohort_month,
    months.account_id,
    months.currency,
    months.month,
    (
        12 * (extract(year FROM months.month) - extract(year FROM months.cohort_month))
        + extract(month FROM months.month) - extract(month FROM months.cohort_month)
    )::integer AS months_since_purchase,
    months.certificates AS certificates_issued,
    months.face_value * 0.00001 AS face_value,
    coalesce(redemptions.redeemed, 0) * 0.00001 AS redeemed,
    coalesce(sum(redemptions.redeemed) OVER so_far, 0) * 0.00001 AS redeemed_so_far,
    round(coalesce(sum(redemptions.redeemed) OVER so_far, 0) / nullif(months.face_value, 0), 5) AS redemption_rate
FROM months
LEFT JOIN redemptions
    ON redemptions.month = months.month
        AND redemptions.cohort_month = months.cohort_month
        AND redemptions.currency = months.currency
        AND redemptions.account_id IS NOT DISTINCT FROM months.account_id
WINDOW so_far AS (
    PARTITION BY months.cohort_month, months.account_id, months.currency
    ORDER BY months.month
);

COMMENT ON VIEW {schema}.cohort_redemption IS
'Grain: one row a month of purchase, account, currency and month since, to the latest month of the books.
Reader: finance and marketing: how fast, and how much of, what was sold comes back.
Definition: certificates whose purchase is known, by the local month of their purchase; redemptions by the month of their posting day.';
COMMENT ON COLUMN {schema}.cohort_redemption.cohort_month IS 'The first day of the month of purchase.';
COMMENT ON COLUMN {schema}.cohort_redemption.month IS 'The first day of the month of redemption.';
COMMENT ON COLUMN {schema}.cohort_redemption.months_since_purchase IS 'Months between the two; 0 is the month of purchase.';
COMMENT ON COLUMN {schema}.cohort_redemption.certificates_issued IS
'How many certificates were purchased in the month of purchase, the same in each of its rows: do not sum over months.';
COMMENT ON COLUMN {schema}.cohort_redemption.face_value IS
'The face values of the cohort, the same in each of its rows: do not sum over months.';
COMMENT ON COLUMN {schema}.cohort_redemption.redeemed_so_far IS
'Redeemed from the purchase to the end of the month: each row holds those before it, do not sum over months.';
COMMENT ON COLUMN {schema}.cohort_redemption.redemption_rate IS
'Redeemed so far ÷ face value; 0.25 is 25 %. Do not sum: divide the sums.';
