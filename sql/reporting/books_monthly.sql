CREATE OR REPLACE VIEW {schema}.books_monthly AS
WITH line AS (
    SELECT
        period AS month, account_id, currency, issuing_station_id, movement, is_earlier,
        sum(change) AS change
    FROM (
        SELECT
            period, account_id, currency, issuing_station_id, movement, change, entry,
            posting_day < period AS is_earlier
        FROM giftcert.journal
        WHERE livemode = {livemode}
    ) AS booked
    GROUP BY period, account_id, currency, issuing_station_id, movement, is_earlier
    -- What was taken back in its own month was never there.
    HAVING sum(entry) <> 0 OR sum(change) <> 0
),

calendar AS (
    SELECT
        generate_series(
            min(month)::timestamp,
            -- A month that is closed has a row, also where nothing was booked since.
            greatest(max(max(month)) OVER (), (SELECT max(month) FROM giftcert.closed_period WHERE {livemode})),
            interval '1 month'
        )::date AS month,
        account_id, currency, issuing_station_id
    FROM line
    GROUP BY account_id, currency, issuing_station_id
),

by_month AS (
    SELECT
        month, account_id, currency, issuing_station_id,
        coalesce(sum(change), 0) AS change,
        coalesce(sum(change) FILTER (WHERE is_earlier), 0) AS earlier,
        coalesce(sum(change) FILTER (WHERE movement = 'issued'), 0) AS issued,
        coalesce(sum(change) FILTER (WHERE movement = 'issued' AND is_earlier), 0) AS issued_earlier,
        coalesce(sum(change) FILTER (WHERE movement = 'first_seen'), 0) AS first_seen,
        coalesce(sum(change) FILTER (WHERE movement = 'first_seen' AND is_earlier), 0) AS first_seen_earlier,
        coalesce(sum(change) FILTER (WHERE movement = 'adjusted_up'), 0) AS adjusted_up,
        coalesce(sum(change) FILTER (WHERE movement = 'adjusted_up' AND is_earlier), 0) AS adjusted_up_earlier,
        coalesce(-sum(change) FILTER (WHERE movement = 'redeemed'), 0) AS redeemed,
        coalesce(-sum(change) FILTER (WHERE movement = 'redeemed' AND is_earlier), 0) AS redeemed_earlier,
        coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down'), 0) AS adjusted_down,
        coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down' AND is_earlier), 0) AS adjusted_down_earlier,
        coalesce(-sum(change) FILTER (WHERE movement = 'voided'), 0) AS voided,
        coalesce(-sum(change) FILTER (WHERE movement = 'voided' AND is_earlier), 0) AS voided_earlier
    FROM (
        SELECT * FROM line
        UNION ALL
        SELECT month, account_id, currency, issuing_station_id, NULL, NULL, NULL FROM calendar
    ) AS booked
    GROUP BY month, account_id, currency, issuing_station_id
)

SELECT
    by_month.month,
    by_month.account_id,
    by_month.currency,
    by_month.issuing_station_id,
    station.name AS issuing_station_name,
    (sum(change) OVER so_far - change) * 0.00001 AS opening,
    issued * 0.00001 AS issued,
    issued_earlier * 0.00001 AS issued_for_earlier_months,
    first_seen * 0.00001 AS first_seen,
    first_seen_earlier * 0.00001 AS first_seen_for_earlier_months,
    adjusted_up * 0.00001 AS adjusted_up,
    adjusted_up_earlier * 0.00001 AS adjusted_up_for_earlier_months,
    redeemed * 0.00001 AS redeemed,
    redeemed_earlier * 0.00001 AS redeemed_for_earlier_months,
    adjusted_down * 0.00001 AS adjusted_down,
    adjusted_down_earlier * 0.00001 AS adjusted_down_for_earlier_months,
    voided * 0.00001 AS voided,
    voided_earlier * 0.00001 AS voided_for_earlier_months,
    sum(change) OVER so_far * 0.00001 AS closing,
    earlier * 0.00001 AS of_which_for_earlier_months
FROM by_month
LEFT JOIN reporting_internal.station
    ON station.livemode = {livemode} AND station.station_id = by_month.issuing_station_id
WINDOW so_far AS (
    PARTITION BY by_month.account_id, by_month.currency, by_month.issuing_station_id
    ORDER BY by_month.month
);

COMMENT ON VIEW {schema}.books_monthly IS
'Grain: one row a month, account, currency and issuing station; every month from the station''s first to the latest of any, or the latest that is closed.
Reader: finance and auditors: the months as they were booked and signed.
Definition: opening + issued + first_seen + adjusted_up − redeemed − adjusted_down − voided = closing, sums of the journal''s lines by their period: the month of their posting day, or the first month that was open then. What comes late for a closed month stands in a later one, as …_for_earlier_months, and a closed month stays as it was signed.';
COMMENT ON COLUMN {schema}.books_monthly.month IS 'The first day of the month that the lines were booked into.';
COMMENT ON COLUMN {schema}.books_monthly.of_which_for_earlier_months IS
'The part of closing less opening whose posting day is before the month.';
