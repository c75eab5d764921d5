CREATE OR REPLACE VIEW {schema}.rollforward_restatements AS
WITH figures AS (
    SELECT
        restated.month,
        restated.reported_at,
        restated.account_id,
        restated.currency,
        figure.figure,
        coalesce(sum(figure.amount) FILTER (WHERE restated.version = 'reported'), 0) AS reported,
        coalesce(sum(figure.amount) FILTER (WHERE restated.version = 'now'), 0) AS known_now,
        coalesce(sum(restated.late_events) FILTER (WHERE restated.version = 'now'), 0)::bigint AS late_events,
        max(restated.last_received_at) FILTER (WHERE restated.version = 'now') AS last_received_at
    FROM reporting_internal.restated_certificate AS restated
    CROSS JOIN LATERAL (
        VALUES
            ('opening', restated.opening),
            ('issued', restated.issued),
            ('adjusted_up', restated.adjusted_up),
            ('redeemed', restated.redeemed),
            ('adjusted_down', restated.adjusted_down),
            ('voided', restated.voided),
            ('closing', restated.closing)
    ) AS figure (figure, amount)
    WHERE restated.livemode = {livemode}
    GROUP BY restated.month, restated.reported_at, restated.account_id, restated.currency, figure.figure
)

SELECT
    month,
    account_id,
    currency,
    figure,
    ((known_now - reported) * 0.00001)::numeric(20, 5) AS change,
    late_events,
    last_received_at,
    reported_at
FROM figures
WHERE known_now <> reported;

COMMENT ON VIEW {schema}.rollforward_restatements IS
'Grain: one row a month, account, currency and figure of liability_rollforward_monthly that is no longer what it was.
Reader: finance and auditors: why does a month that we reported read differently now?
Definition: the figure as known now, less the figure as it was known when the month had ended in every time zone (reported_at). One late event changes its own month, and the opening and closing of those after it.';
COMMENT ON COLUMN {schema}.rollforward_restatements.month IS 'The first day of the month that had been reported.';
COMMENT ON COLUMN {schema}.rollforward_restatements.figure IS 'The column of liability_rollforward_monthly.';
COMMENT ON COLUMN {schema}.rollforward_restatements.change IS 'Known now less reported.';
COMMENT ON COLUMN {schema}.rollforward_restatements.late_events IS
'How many events of this account and currency were posted up to the end of the month, and arrived after it was reported. 0 where only the currency of certificates became known later.';
COMMENT ON COLUMN {schema}.rollforward_restatements.last_received_at IS 'When the last of them arrived.';
COMMENT ON COLUMN {schema}.rollforward_restatements.reported_at IS 'When the month had ended in every time zone: the knowledge of the first report.';
