-- Events that contradict what we know of certificates, live and test: one row an event and rule.
CREATE OR REPLACE VIEW reporting_internal.event_exception AS
WITH judged AS (
    SELECT
        movement.certificate_id,
        movement.livemode,
        movement.event_id,
        movement.occurred_at,
        movement.doubts,
        movement.movement,
        movement.balance,
        movement.balance_before,
        movement.balance_after,
        movement.transactions_paid,
        movement.transactions_paid_before,
        movement.station_currency_code,
        state.account_id,
        state.currency,
        state.balance AS projected_balance,
        state.definition_face_value,
        movement.kind = 'created' AND movement.position > 1 AS is_created_again,
        movement.movement = 'adjusted_up' AS is_rise,
        movement.balance < 0 AS is_negative,
        movement.position = 1
            AND movement.kind <> 'created'
            AND movement.balance < state.definition_face_value AS is_first_seen_partial,
        movement.kind <> 'created'
            AND movement.deleted_before
            AND (NOT movement.deleted OR movement.balance <> movement.balance_as_sent_before) AS is_after_deleted,
        movement.kind <> 'created'
            AND movement.transactions_paid > movement.transactions_paid_before + 1 AS is_gap,
        movement.movement = 'redeemed'
            AND movement.transactions_paid <= movement.transactions_paid_before AS is_without_transaction,
        movement.station_currency_code <> state.currency AS is_other_currency,
        movement.is_newest
            AND (state.newest_event_id, state.balance) IS DISTINCT FROM (movement.state_event_id, movement.balance_after)
            AS is_projection_wrong
    FROM reporting_internal.movement
    -- LEFT: a history without its certificate is the worst of all differences.
    LEFT JOIN reporting_internal.certificate_state AS state USING (certificate_id, livemode)
)

SELECT
    judged.certificate_id,
    judged.livemode,
    judged.account_id,
    judged.event_id,
    judged.occurred_at,
    broken.rule,
    broken.severity,
    broken.observed,
    broken.expected
FROM judged
CROSS JOIN LATERAL (
    VALUES
        (
            is_created_again, 'created_again', 'warning',
            'created again',
            'one created event a certificate: the first one is its purchase'
        ),
        (
            is_rise, 'balance_rose', 'warning',
            (balance_after * 0.00001)::numeric(20, 5)::text,
            'at most ' || (balance_before * 0.00001)::numeric(20, 5)
        ),
        (
            is_negative, 'balance_negative', 'error',
            (balance * 0.00001)::numeric(20, 5)::text,
            'at least 0'
        ),
        (
            is_first_seen_partial, 'first_seen_partial', 'warning',
            (balance * 0.00001)::numeric(20, 5)::text,
            'the face value of its definition, ' || (definition_face_value * 0.00001)::numeric(20, 5)
        ),
        (
            is_after_deleted, 'redeemed_after_deleted', 'error',
            (balance * 0.00001)::numeric(20, 5)::text,
            'no change once deleted'
        ),
        (
            is_gap, 'events_missing', 'error',
            transactions_paid || ' transactions paid',
            'at most ' || transactions_paid_before + 1
        ),
        (
            is_without_transaction, 'redeemed_without_transaction', 'warning',
            transactions_paid || ' transactions paid',
            (transactions_paid_before + 1)::text
        ),
        (
            is_other_currency, 'currency_changed', 'warning',
            station_currency_code,
            currency
        ),
        (
            is_projection_wrong, 'projection_differs', 'error',
            coalesce((projected_balance * 0.00001)::numeric(20, 5)::text, 'no certificate'),
            (balance_after * 0.00001)::numeric(20, 5)::text
        )

    UNION ALL
    SELECT true, doubt.rule, 'warning', doubt.observed, doubt.expected
    FROM reporting_internal.doubts_of(doubts) AS doubt
) AS broken (is_broken, rule, severity, observed, expected)
-- First the cheap question, of every event; then which rule it was, of the few.
WHERE (
        doubts IS NOT NULL OR is_created_again
        OR is_rise OR is_negative OR is_first_seen_partial OR is_after_deleted
        OR is_gap OR is_without_transaction OR is_other_currency OR is_projection_wrong
    )
    AND broken.is_broken;
