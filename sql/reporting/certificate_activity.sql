CREATE OR REPLACE VIEW {schema}.certificate_activity AS
SELECT
    movement.certificate_id,
    movement.position,
    movement.movement,
    state.account_id,
    state.definition_id,
    state.currency,
    (movement.change * 0.00001)::numeric(20, 5) AS change,
    (movement.balance_before * 0.00001)::numeric(20, 5) AS balance_before,
    (movement.balance_after * 0.00001)::numeric(20, 5) AS balance_after,
    movement.is_inferred,
    movement.occurred_at,
    movement.local_day,
    movement.posting_day,
    movement.received_at,
    movement.kind::text AS event_kind,
    movement.event_id,
    movement.status,
    movement.transactions_paid,
    movement.station_id,
    movement.station_name,
    movement.time_zone,
    movement.agency_id,
    movement.shift_id,
    movement.user_id
FROM reporting_internal.movement
JOIN reporting_internal.certificate_state AS state USING (certificate_id, livemode)
WHERE movement.livemode = {livemode};

COMMENT ON VIEW {schema}.certificate_activity IS
'Grain: one row an event of a certificate.
Reader: auditors and support: the statement of a certificate. Ask for one certificate_id, or for few.
Definition: the events of a certificate in the order in which they happened, each with what it did to the balance.';
COMMENT ON COLUMN {schema}.certificate_activity.movement IS
'issued: purchased, at its face value. opening: the first that we saw of a certificate whose purchase never arrived. redeemed: paid with. adjusted_up: the balance rose. adjusted_down: it fell without a payment. voided: an event with deleted = true took what was left. unchanged: the balance stayed.';
COMMENT ON COLUMN {schema}.certificate_activity.change IS 'Balance after less balance before.';
COMMENT ON COLUMN {schema}.certificate_activity.is_inferred IS
'The event does not itself say what happened; we conclude it from two balances. True of opening, adjusted_up and adjusted_down, and of redeemed where the list of paid transactions did not grow by exactly one.';
