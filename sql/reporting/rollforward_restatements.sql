CREATE OR REPLACE VIEW {schema}.rollforward_restatements AS
-- A month is reported when it has ended in UTC-12 (which POSIX writes with the other sign), a closed one when it was cut,
-- which is later. A line that is booked after its month was reported restates that month and those after it that had been
-- reported by then.
WITH months AS (
    SELECT month, (month + interval '1 month') AT TIME ZONE 'Etc/GMT+12' AS ended_at
    FROM reporting_internal.latest_posting_day({livemode}, NULL) AS latest
    -- No date before 2000 is believed.
    CROSS JOIN LATERAL generate_series(timestamp '1999-12-01', latest, interval '1 month') AS month
),

-- When anything was reported. What is booked between two such moments came late for the same months.
reports AS (
    SELECT array_agg(reported_at + interval '1 microsecond' ORDER BY reported_at) AS followed_at
    FROM (
        SELECT ended_at
        FROM months

        UNION

        SELECT cut_at
        FROM giftcert.close
        WHERE {livemode}
    ) AS moment (reported_at)
),

late AS (
    SELECT
        date_trunc('month', posting_day::timestamp) AS posting_month, account_id, currency, movement, cause, reports_before,
        sum(change) AS change,
        sum(lines) AS lines,
        CASE WHEN cause = 'event' THEN sum(late_events) ELSE 0 END AS late_events,
        max(last_booked_at) AS last_booked_at
    FROM (
        -- By day: to ask of every line for its month costs as much as to read it.
        SELECT
            posting_day, account_id, currency, movement,
            CASE
                WHEN caused_by LIKE 'task:%' OR caused_by IN ('migration', 'rebuild', 'verify') THEN caused_by
                ELSE 'event'
            END AS cause,
            width_bucket(booked_at, (SELECT followed_at FROM reports)) AS reports_before,
            sum(change) AS change,
            count(*) AS lines,
            count(*) FILTER (WHERE entry = 1 AND (caused_by = event_id OR caused_by = 'event:' || event_id)) AS late_events,
            max(booked_at) AS last_booked_at
        FROM giftcert.journal
        -- First the cheap question (interval '0' is UTC).
        WHERE livemode = {livemode} AND booked_at AT TIME ZONE interval '0' > posting_day + interval '36 hours'
        GROUP BY posting_day, account_id, currency, movement, cause, reports_before
    ) AS by_day
    GROUP BY posting_month, account_id, currency, movement, cause, reports_before
)

SELECT
    months.month::date AS month,
    late.account_id,
    late.currency,
    figure.figure,
    sum(figure.change) * 0.00001 AS change,
    sum(late.lines)::bigint AS lines,
    sum(late.late_events)::bigint AS late_events,
    array_agg(DISTINCT late.cause) AS causes,
    max(late.last_booked_at) AS last_booked_at,
    reported.reported_at
FROM late
JOIN months ON months.month >= late.posting_month
LEFT JOIN giftcert.close
    ON {livemode} AND close.month = months.month AND close.account_id IS NOT DISTINCT FROM late.account_id
CROSS JOIN LATERAL (SELECT coalesce(close.cut_at, months.ended_at) AS reported_at) AS reported
CROSS JOIN LATERAL (
    VALUES
        (
            CASE WHEN months.month = late.posting_month THEN late.movement::text ELSE 'opening' END,
            CASE
                WHEN months.month = late.posting_month AND late.movement IN ('redeemed', 'adjusted_down', 'voided')
                    THEN -late.change
                ELSE late.change
            END
        ),
        ('closing', late.change)
) AS figure (figure, change)
WHERE reported.reported_at < late.last_booked_at
GROUP BY months.month, late.account_id, late.currency, figure.figure, reported.reported_at
HAVING sum(figure.change) <> 0;

COMMENT ON VIEW {schema}.rollforward_restatements IS
'Grain: one row a month, account, currency and figure of liability_rollforward_monthly that is no longer what it was.
Reader: finance and auditors: why does a month that we reported read differently now?
Definition: the figure by posting day now, less the same as the books stood when the month was cut, or, while it is not closed, when it had ended in every time zone (reported_at): the lines that were booked since. One late event changes its own month, and the opening and closing of those after it. The lines themselves: reporting.journal, booked_at > reported_at, posting_day up to the end of the month.';
COMMENT ON COLUMN {schema}.rollforward_restatements.month IS 'The first day of the month that had been reported.';
COMMENT ON COLUMN {schema}.rollforward_restatements.figure IS 'The column of liability_rollforward_monthly.';
COMMENT ON COLUMN {schema}.rollforward_restatements.change IS 'Known now less reported.';
COMMENT ON COLUMN {schema}.rollforward_restatements.lines IS 'How many lines of the journal make the change.';
COMMENT ON COLUMN {schema}.rollforward_restatements.late_events IS
'How many of these lines are movements of events that came late; the others take back, or book again, what such an event, a task or a command found otherwise.';
COMMENT ON COLUMN {schema}.rollforward_restatements.causes IS
'What made us book them: event (one that came late), task:<id> (a definition''s currency or a setting became known), migration, rebuild, verify.';
COMMENT ON COLUMN {schema}.rollforward_restatements.last_booked_at IS 'When the last of them was booked.';
COMMENT ON COLUMN {schema}.rollforward_restatements.reported_at IS
'When the month was cut, or, while it is not closed, when it had ended in every time zone: what the books said then was the report.';
