CREATE OR REPLACE VIEW {schema}.rollforward_restatements AS
-- A month is reported when it has ended in UTC-12 (which POSIX writes with the other sign), a closed one when it was cut,
-- which is later. A line that is booked after its month was reported restates that month and those after it that had been
-- reported by then.
WITH cuts AS (
    SELECT
        account_id,
        array_agg(cut_at ORDER BY cut_at) AS cut_at,
        array_agg(month ORDER BY cut_at) AS months
    FROM giftcert.close
    WHERE {livemode}
    GROUP BY account_id
),

by_month AS (
    SELECT
        posting_month, booked_month, cuts_before, account_id, currency, movement, cause,
        sum(change) AS change,
        count(*) AS lines,
        count(*) FILTER (WHERE is_event) AS late_events,
        max(booked_at) AS last_booked_at
    FROM (
        SELECT
            posting_month,
            booked_month,
            -- How many of the account's cuts were made before: what was cut later was not reported yet.
            width_bucket(booked_at - interval '1 microsecond', cuts.cut_at) AS cuts_before,
            line.account_id,
            currency,
            movement,
            CASE
                WHEN caused_by = event_id THEN 'event'
                WHEN caused_by ~ '^task:\d+$' OR caused_by IN ('migration', 'rebuild', 'verify') THEN caused_by
                ELSE 'event'
            END AS cause,
            change,
            caused_by = event_id AND entry = 1 AS is_event,
            booked_at
        FROM (
            SELECT
                *,
                date_trunc('month', posting_day::timestamp) AS posting_month,
                -- The month that has ended where time is UTC-12; an interval, not a name, for it is asked of every line.
                date_trunc('month', booked_at AT TIME ZONE interval '-12 hours' - interval '1 microsecond')
                    AS booked_month
            FROM giftcert.journal
            -- First the cheap question (interval '0' is UTC).
            WHERE livemode = {livemode} AND booked_at AT TIME ZONE interval '0' > posting_day + interval '36 hours'
        ) AS line
        -- No account is called ''.
        LEFT JOIN cuts ON coalesce(cuts.account_id, '') = coalesce(line.account_id, '')
        WHERE booked_month > posting_month
    ) AS late
    GROUP BY posting_month, booked_month, cuts_before, account_id, currency, movement, cause
),

figures AS (
    SELECT
        month::date AS month,
        by_month.account_id,
        by_month.currency,
        figure.figure,
        sum(figure.change) AS change,
        sum(by_month.lines)::bigint AS lines,
        sum(by_month.late_events)::bigint AS late_events,
        array_agg(DISTINCT by_month.cause) AS causes,
        max(by_month.last_booked_at) AS last_booked_at
    FROM by_month
    CROSS JOIN reporting_internal.latest_posting_day({livemode}, NULL) AS latest
    LEFT JOIN cuts ON coalesce(cuts.account_id, '') = coalesce(by_month.account_id, '')
    CROSS JOIN LATERAL generate_series(
        posting_month, least(booked_month - interval '1 month', latest::timestamp), interval '1 month'
    ) AS month
    CROSS JOIN LATERAL (
        VALUES
            (
                CASE WHEN month = posting_month THEN by_month.movement::text ELSE 'opening' END,
                CASE
                    WHEN month = posting_month AND by_month.movement IN ('redeemed', 'adjusted_down', 'voided')
                        THEN -by_month.change
                    ELSE by_month.change
                END
            ),
            ('closing', by_month.change)
    ) AS figure (figure, change)
    WHERE month::date <> ALL (coalesce(cuts.months[by_month.cuts_before + 1:], '{}'))
    GROUP BY month, by_month.account_id, by_month.currency, figure.figure
)

SELECT
    figures.month,
    figures.account_id,
    figures.currency,
    figures.figure,
    figures.change * 0.00001 AS change,
    figures.lines,
    figures.late_events,
    figures.causes,
    figures.last_booked_at,
    coalesce(close.cut_at, (figures.month + interval '1 month') AT TIME ZONE 'Etc/GMT+12') AS reported_at
FROM figures
LEFT JOIN giftcert.close
    ON {livemode}
        AND close.month = figures.month
        AND close.account_id IS NOT DISTINCT FROM figures.account_id
WHERE figures.change <> 0;

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
