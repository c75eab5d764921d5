-- What each event did to the balance of its certificate, live and test. Amounts in 1/100000.
-- certificate_activity shows this and documents the rules.
CREATE OR REPLACE VIEW reporting_internal.movement AS
WITH dated AS (
    SELECT
        history.*,
        CASE WHEN history.deleted THEN 0 ELSE history.balance END AS balance_after,
        coalesce(zone.name, local_zone.name) AS time_zone,
        (history.occurred_at AT TIME ZONE coalesce(zone.name, local_zone.name))::date AS local_day
    FROM giftcert.certificate_history AS history
    CROSS JOIN reporting_internal.local_zone
    LEFT JOIN giftcert.time_zone AS zone ON zone.name = history.station_time_zone
),

-- One window for everything: sorting the history is what costs.
story AS (
    SELECT
        dated.*,
        row_number() OVER so_far AS position,
        coalesce(lag(balance_after) OVER so_far, 0) AS balance_before,
        lag(balance) OVER so_far AS balance_as_sent_before,
        lag(balance_after) OVER so_far IS NULL AS is_first,
        lag(deleted) OVER so_far AS deleted_before,
        lag(transactions_paid) OVER so_far AS transactions_paid_before,
        lead(event_id) OVER so_far IS NULL AS is_newest,
        -- Books run forward: around midnight two stations in different time zones would else post a movement on the
        -- day before the one that it follows, and a closing balance below zero.
        max(local_day) OVER so_far AS posting_day
    FROM dated
    WINDOW so_far AS (
        PARTITION BY certificate_id, livemode
        ORDER BY occurred_at, emitted_at, kind, event_id
        ROWS UNBOUNDED PRECEDING
    )
),

named AS (
    SELECT
        story.*,
        reporting_internal.movement_name(is_first, kind, deleted, balance_before, balance_after) AS movement
    FROM story
)

SELECT
    named.*,
    -- Twice the largest bigint fits no bigint.
    balance_after::numeric - balance_before AS change,
    movement IN ('opening', 'adjusted_up', 'adjusted_down')
        OR (movement = 'redeemed' AND transactions_paid <> transactions_paid_before + 1) IS TRUE
        AS is_inferred
FROM named;
