-- Add the lines up to $1 that are not in the totals yet, by day and by month. Sums of a day or of a month that gains lines
-- are written anew.
WITH since AS MATERIALIZED (
    SELECT
        livemode, posting_day, account_id, currency, issuing_station_id, movement, sum(change) AS change,
        sum(change_at_consideration) AS change_at_consideration,
        sum(entry * (least(balance, 0) - least(balance - entry * change, 0))) AS negative,
        sum(entry) AS entries,
        sum(entry * ((balance > 0)::integer - (balance - entry * change > 0)::integer)) AS certificates
    FROM giftcert.journal
    WHERE id BETWEEN (SELECT up_to + 1 FROM giftcert.journal_totalled) AND $1
    GROUP BY 1, 2, 3, 4, 5, 6
),

kept_by_month AS (
    DELETE FROM giftcert.month_total
    WHERE posting_month IN (SELECT date_trunc('month', posting_day::timestamp)::date FROM since)
    RETURNING *
),

by_month AS (
    INSERT INTO giftcert.month_total (
        livemode, posting_month, account_id, currency, issuing_station_id, change, change_at_consideration, negative,
        entries, certificates
    )
    SELECT
        livemode, posting_month, account_id, currency, issuing_station_id, sum(change), sum(change_at_consideration),
        sum(negative), sum(entries), sum(certificates)
    FROM (
        SELECT
            livemode, date_trunc('month', posting_day::timestamp)::date AS posting_month, account_id, currency,
            issuing_station_id, change, change_at_consideration, negative, entries, certificates
        FROM since
        UNION ALL
        SELECT
            livemode, posting_month, account_id, currency, issuing_station_id, change, change_at_consideration, negative,
            entries, certificates
        FROM kept_by_month
    ) AS known
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(entries) <> 0
),

kept AS (
    DELETE FROM giftcert.journal_total
    WHERE posting_day IN (SELECT posting_day FROM since)
    RETURNING *
)

INSERT INTO giftcert.journal_total (
    livemode, posting_day, account_id, currency, issuing_station_id, movement, change, change_at_consideration,
    negative, entries, certificates
)
SELECT
    livemode, posting_day, account_id, currency, issuing_station_id, movement, sum(change),
    sum(change_at_consideration), sum(negative), sum(entries), sum(certificates)
FROM (
    SELECT * FROM since
    UNION ALL
    SELECT
        livemode, posting_day, account_id, currency, issuing_station_id, movement, change, change_at_consideration,
        negative, entries, certificates
    FROM kept
) AS known
GROUP BY 1, 2, 3, 4, 5, 6
HAVING sum(entries) <> 0
