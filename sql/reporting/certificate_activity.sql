CREATE OR REPLACE VIEW {schema}.certificate_activity AS
-- The order of events, as in the worker.
WITH event AS (
    SELECT
        history.*,
        row_number() OVER (
            PARTITION BY certificate_id, livemode
            ORDER BY
                kind <> 'created', occurred_at, emitted_at, kind, coalesce(transactions_paid, -1), event_id COLLATE "C"
        ) AS position
    FROM giftcert.certificate_history AS history
),

statement AS (
    SELECT
        event.*,
        certificate.account_id AS booked_account_id,
        certificate.definition_id AS booked_definition_id,
        certificate.currency AS booked_currency,
        line.id AS line,
        line.entry,
        line.movement,
        line.account_id AS line_account_id,
        line.definition_id AS line_definition_id,
        line.currency AS line_currency,
        line.change,
        line.balance AS line_balance,
        line.is_inferred,
        line.local_day,
        line.posting_day,
        line.booked_at,
        line.caused_by,
        -- What stands after the event, whatever was booked and taken back on the way.
        coalesce(
            sum(line.change) OVER (PARTITION BY event.certificate_id, event.livemode ORDER BY event.position), 0
        ) AS balance_so_far
    FROM event
    -- LEFT: a history whose certificate is missing must show, too.
    LEFT JOIN giftcert.certificate USING (certificate_id, livemode)
    LEFT JOIN giftcert.journal AS line
        ON line.certificate_id = event.certificate_id
            AND line.livemode = event.livemode
            AND line.event_id = event.event_id
)

SELECT
    certificate_id,
    position,
    coalesce(movement::text, 'unchanged') AS movement,
    CASE WHEN line IS NULL THEN booked_account_id ELSE line_account_id END AS account_id,
    CASE WHEN line IS NULL THEN booked_definition_id ELSE line_definition_id END AS definition_id,
    coalesce(line_currency, booked_currency, 'unspecified') AS currency,
    coalesce(change, 0) * 0.00001 AS change,
    coalesce(line_balance - entry * change, balance_so_far) * 0.00001 AS balance_before,
    coalesce(line_balance, balance_so_far) * 0.00001 AS balance_after,
    coalesce(is_inferred, false) AS is_inferred,
    entry,
    occurred_at,
    local_day,
    posting_day,
    received_at,
    booked_at,
    caused_by,
    line,
    kind::text AS event_kind,
    event_id,
    status,
    transactions_paid,
    station_id,
    station_name,
    station_time_zone AS time_zone,
    agency_id,
    shift_id,
    user_id
FROM statement
WHERE livemode = {livemode};

COMMENT ON VIEW {schema}.certificate_activity IS
'Grain: one row a line that an event of a certificate was booked with, and one an event that changed nothing.
Reader: auditors and support: the statement of a certificate. Ask for one certificate_id, or for few; ORDER BY position, line.
Definition: the events of a certificate in their order, each with what it did to the balance. What was booked and turned out otherwise is shown, too: the line, the line that takes it back (entry -1), and the one that stands. The sum of change is the balance.';
COMMENT ON COLUMN {schema}.certificate_activity.movement IS
'issued: purchased, at its face value. first_seen: the first that we saw of a certificate whose purchase never arrived. redeemed: paid with. adjusted_up: the balance rose. adjusted_down: it fell without a payment. voided: an event with deleted = true took what was left. unchanged: the event has no line.';
COMMENT ON COLUMN {schema}.certificate_activity.change IS
'By how much the balance moved; of a line that is taken back, the other way.';
COMMENT ON COLUMN {schema}.certificate_activity.is_inferred IS
'The event does not itself say what happened; we conclude it from two balances.';
COMMENT ON COLUMN {schema}.certificate_activity.time_zone IS 'The time zone that the station names, as it came.';
