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

-- One window for everything: sorting the history is what costs. Created events stand first; the first of them is the
-- purchase, and further ones change nothing: where one of those is the event before, the purchase is what it left.
story AS (
    SELECT
        dated.certificate_id,
        dated.livemode,
        dated.event_id,
        dated.occurred_at,
        dated.emitted_at,
        dated.received_at,
        dated.kind,
        dated.balance,
        dated.deleted,
        dated.status,
        dated.transactions_paid,
        dated.station_id,
        dated.station_name,
        dated.station_currency_code,
        dated.agency_id,
        dated.shift_id,
        dated.user_id,
        dated.doubts,
        dated.time_zone,
        dated.local_day,
        CASE WHEN kind = 'created' THEN first_value(balance_after) OVER so_far ELSE balance_after END AS balance_after,
        row_number() OVER so_far AS position,
        coalesce(
            CASE
                WHEN lag(kind) OVER so_far = 'created' THEN first_value(balance_after) OVER so_far
                ELSE lag(balance_after) OVER so_far
            END,
            0
        ) AS balance_before,
        CASE
            WHEN lag(kind) OVER so_far = 'created' THEN first_value(balance) OVER so_far
            ELSE lag(balance) OVER so_far
        END AS balance_as_sent_before,
        lag(balance_after) OVER so_far IS NULL AS is_first,
        CASE
            WHEN lag(kind) OVER so_far = 'created' THEN first_value(deleted) OVER so_far
            ELSE lag(deleted) OVER so_far
        END AS deleted_before,
        CASE
            WHEN lag(kind) OVER so_far = 'created' THEN first_value(transactions_paid) OVER so_far
            ELSE lag(transactions_paid) OVER so_far
        END AS transactions_paid_before,
        -- The event that is the current state, as far as this one.
        CASE WHEN kind = 'created' THEN first_value(event_id) OVER so_far ELSE event_id END AS state_event_id,
        lead(event_id) OVER so_far IS NULL AS is_newest,
        -- Books run forward: around midnight two stations in different time zones would else post a movement on the
        -- day before the one that it follows, and a closing balance below zero.
        greatest(
            first_value(local_day) OVER so_far, max(local_day) FILTER (WHERE kind <> 'created') OVER so_far
        ) AS posting_day
    FROM dated
    WINDOW so_far AS (
        PARTITION BY certificate_id, livemode
        ORDER BY kind <> 'created', occurred_at, emitted_at, kind, coalesce(transactions_paid, -1), event_id
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
