-- Add the redemptions among the same lines ($1), by what each of three reports groups by.
WITH since AS MATERIALIZED (
    SELECT
        CASE
            WHEN grouping(definition_id) = 0 THEN 'definition'
            WHEN grouping(purchase_month) = 0 THEN 'cohort'
            ELSE 'settlement'
        END AS grouped_by,
        livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
        issuing_station_id, station_id, -sum(change) AS redeemed, sum(entry) AS entries
    FROM (
        SELECT
            *,
            date_trunc('month', posting_day::timestamp)::date AS posting_month,
            date_trunc('month', purchase_day::timestamp)::date AS purchase_month,
            purchase_day IS NOT NULL AS is_purchase_known
        FROM giftcert.journal
        WHERE movement = 'redeemed' AND id BETWEEN (SELECT up_to + 1 FROM giftcert.journal_totalled) AND $1
    ) AS line
    GROUP BY
        livemode, posting_month, account_id, currency, is_purchase_known,
        GROUPING SETS (definition_id, purchase_month, (issuing_station_id, station_id))
),

kept AS (
    DELETE FROM giftcert.redemption_total
    WHERE posting_month IN (SELECT posting_month FROM since)
    RETURNING *
)

INSERT INTO giftcert.redemption_total (
    grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
    issuing_station_id, station_id, redeemed, entries
)
SELECT
    grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
    issuing_station_id, station_id, sum(redeemed), sum(entries)
FROM (
    SELECT * FROM since
    UNION ALL
    SELECT
        grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
        issuing_station_id, station_id, redeemed, entries
    FROM kept
) AS known
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
HAVING sum(entries) <> 0
