-- Certificates whose facts contradict one another, live and test: one row a certificate and rule.
CREATE OR REPLACE VIEW reporting_internal.certificate_exception AS
WITH judged AS (
    SELECT
        state.*,
        NOT state.is_definition_known AS is_orphan,
        state.balance_as_sent > state.face_value AS is_over_face_value,
        state.purchase_price > state.face_value AS is_overpriced,
        state.currency = 'unspecified' AS is_currency_unspecified,
        NOT state.is_purchase_known AS is_purchase_missing,
        state.is_definition_disabled AND state.purchased_at >= state.definition_updated_at AS is_sold_while_disabled,
        state.purchased_at > state.definition_deleted_at AS is_sold_after_deleted,
        NOT EXISTS (
            SELECT FROM giftcert.certificate_history AS history
            WHERE history.certificate_id = state.certificate_id AND history.livemode = state.livemode
        ) AS is_without_history
    FROM reporting_internal.certificate_state AS state
)

SELECT
    judged.certificate_id,
    judged.livemode,
    judged.account_id,
    judged.updated_at AS occurred_at,
    broken.rule,
    broken.severity,
    broken.observed,
    broken.expected
FROM judged
CROSS JOIN LATERAL (
    VALUES
        (
            is_orphan, 'definition_unknown', 'warning',
            coalesce(definition_id, 'none'),
            'a definition that we know'
        ),
        (
            is_over_face_value, 'balance_over_face_value', 'error',
            (balance_as_sent * 0.00001)::numeric(20, 5)::text,
            'at most ' || (face_value * 0.00001)::numeric(20, 5)
        ),
        (
            is_overpriced, 'price_over_face_value', 'warning',
            (purchase_price * 0.00001)::numeric(20, 5)::text,
            'at most ' || (face_value * 0.00001)::numeric(20, 5)
        ),
        (
            is_currency_unspecified, 'currency_unspecified', 'error',
            'none',
            'a currency: the definition''s, the station''s, or one for the account in ACCOUNT_CURRENCIES'
        ),
        (
            is_purchase_missing, 'purchase_missing', 'error',
            'updates only',
            'the webhook of its purchase'
        ),
        (
            is_sold_while_disabled, 'sold_while_disabled', 'warning',
            'sold at ' || purchased_at,
            'not after ' || definition_updated_at || ', when its definition was disabled'
        ),
        (
            is_sold_after_deleted, 'sold_after_deleted', 'warning',
            'sold at ' || purchased_at,
            'not after ' || definition_deleted_at || ', when its definition was deleted'
        ),
        (
            is_without_history, 'projection_differs', 'error',
            (balance * 0.00001)::numeric(20, 5)::text,
            'an event in the history'
        )
) AS broken (is_broken, rule, severity, observed, expected)
-- First the cheap question, of every certificate; then which rule it was, of the few.
WHERE (
        is_orphan OR is_over_face_value OR is_overpriced OR is_currency_unspecified
        OR is_purchase_missing OR is_sold_while_disabled OR is_sold_after_deleted OR is_without_history
    )
    AND broken.is_broken;
