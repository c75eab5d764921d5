-- Kept totals, and names of stations, that are not what the journal's lines up to the same line come to: in which table, of
-- which cell, and which columns. In one snapshot: what is kept up to a line has seen all lines up to it.
WITH line AS (
    SELECT *, date_trunc('month', posting_day::timestamp)::date AS posting_month
    FROM giftcert.journal
    WHERE id <= (SELECT up_to FROM giftcert.journal_totalled)
),

-- Kept less what the lines say: columns that are right come to 0.
total AS (
    SELECT
        livemode, posting_day, account_id, currency, issuing_station_id, movement, sum(change) AS change,
        sum(change_at_consideration) AS change_at_consideration, sum(negative) AS negative, sum(entries) AS entries,
        sum(certificates) AS certificates
    FROM (
        SELECT
            livemode, posting_day, account_id, currency, issuing_station_id, movement, change, change_at_consideration,
            negative, entries, certificates
        FROM giftcert.journal_total

        UNION ALL

        SELECT
            livemode, posting_day, account_id, currency, issuing_station_id, movement, -change, -change_at_consideration,
            -entry * (least(balance, 0) - least(balance - entry * change, 0)), -entry,
            -entry * (sign(greatest(balance, 0)) - sign(greatest(balance - entry * change, 0)))
        FROM line
    ) AS told
    GROUP BY livemode, posting_day, account_id, currency, issuing_station_id, movement
),

-- From the lines, and not from the days: so what is wrong is named, and nothing else is.
month AS (
    SELECT
        livemode, posting_month, account_id, currency, issuing_station_id, sum(change) AS change,
        sum(change_at_consideration) AS change_at_consideration, sum(negative) AS negative, sum(entries) AS entries,
        sum(certificates) AS certificates
    FROM (
        SELECT
            livemode, posting_month, account_id, currency, issuing_station_id, change, change_at_consideration, negative,
            entries, certificates
        FROM giftcert.month_total

        UNION ALL

        SELECT
            livemode, posting_month, account_id, currency, issuing_station_id, -change, -change_at_consideration,
            -entry * (least(balance, 0) - least(balance - entry * change, 0)), -entry,
            -entry * (sign(greatest(balance, 0)) - sign(greatest(balance - entry * change, 0)))
        FROM line
    ) AS told
    GROUP BY livemode, posting_month, account_id, currency, issuing_station_id
),

redemption AS (
    SELECT
        grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
        issuing_station_id, station_id, sum(redeemed) AS redeemed, sum(entries) AS entries
    FROM (
        SELECT
            grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
            issuing_station_id, station_id, redeemed, entries
        FROM giftcert.redemption_total

        UNION ALL

        SELECT
            report.name, livemode, posting_month, account_id, currency, purchase_day IS NOT NULL,
            CASE WHEN report.name = 'definition' THEN definition_id END,
            CASE WHEN report.name = 'cohort' THEN date_trunc('month', purchase_day::timestamp)::date END,
            CASE WHEN report.name = 'settlement' THEN issuing_station_id END,
            CASE WHEN report.name = 'settlement' THEN station_id END,
            change, -entry
        FROM line
        CROSS JOIN (VALUES ('cohort'), ('definition'), ('settlement')) AS report (name)
        WHERE movement = 'redeemed'
    ) AS told
    GROUP BY
        grouped_by, livemode, posting_month, account_id, currency, is_purchase_known, definition_id, purchase_month,
        issuing_station_id, station_id
),

named AS (
    SELECT DISTINCT ON (livemode, history.station_id)
        livemode, history.station_id, history.station_name AS name, history.occurred_at, event_id
    FROM line
    JOIN giftcert.certificate_history AS history USING (certificate_id, livemode, event_id)
    WHERE history.station_id IS NOT NULL AND history.station_name IS NOT NULL
    ORDER BY livemode, history.station_id, history.occurred_at DESC, event_id DESC
)

SELECT
    kept_in,
    concat_ws(' ', day_or_month, CASE WHEN NOT livemode THEN 'test' END, account_id, currency, issuing_station_id, movement)
        AS cell,
    array_remove(
        ARRAY[
            CASE WHEN change <> 0 THEN 'change' END,
            CASE WHEN change_at_consideration <> 0 THEN 'change_at_consideration' END,
            CASE WHEN negative <> 0 THEN 'negative' END,
            CASE WHEN entries <> 0 THEN 'entries' END,
            CASE WHEN certificates <> 0 THEN 'certificates' END
        ],
        NULL
    ) AS columns
FROM (
    SELECT
        'journal_total' AS kept_in, posting_day::text AS day_or_month, livemode, account_id, currency, issuing_station_id,
        movement, change, change_at_consideration, negative, entries, certificates
    FROM total

    UNION ALL

    SELECT
        'month_total', to_char(posting_month, 'YYYY-MM'), livemode, account_id, currency, issuing_station_id,
        NULL, change, change_at_consideration, negative, entries, certificates
    FROM month
) AS balance
WHERE change <> 0 OR change_at_consideration <> 0 OR negative <> 0 OR entries <> 0 OR certificates <> 0

UNION ALL

SELECT
    'redemption_total',
    concat_ws(
        ' ', to_char(posting_month, 'YYYY-MM'), CASE WHEN NOT livemode THEN 'test' END, account_id, currency, 'by ' || grouped_by,
        definition_id, to_char(purchase_month, 'YYYY-MM'), issuing_station_id, station_id
    ),
    array_remove(
        ARRAY[CASE WHEN redeemed <> 0 THEN 'redeemed' END, CASE WHEN entries <> 0 THEN 'entries' END], NULL
    )
FROM redemption
WHERE redeemed <> 0 OR entries <> 0

UNION ALL

SELECT
    'station_name',
    concat_ws(' ', coalesce(kept.station_id, named.station_id), CASE WHEN NOT coalesce(kept.livemode, named.livemode) THEN 'test' END),
    CASE
        WHEN kept.station_id IS NULL OR named.station_id IS NULL THEN '{}'
        ELSE array_remove(
            ARRAY[
                CASE WHEN kept.name <> named.name THEN 'name' END,
                CASE WHEN kept.occurred_at <> named.occurred_at THEN 'occurred_at' END,
                CASE WHEN kept.event_id <> named.event_id THEN 'event_id' END
            ],
            NULL
        )
    END
FROM giftcert.station_name AS kept
FULL JOIN named ON named.livemode = kept.livemode AND named.station_id = kept.station_id
WHERE (kept.name, kept.occurred_at, kept.event_id) IS DISTINCT FROM (named.name, named.occurred_at, named.event_id)

ORDER BY kept_in, cell
