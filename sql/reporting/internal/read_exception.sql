-- Exceptions that are found when they are asked for, live and test: certificates beside their purchase, their definition
-- and the books, definitions, and the setting.
CREATE OR REPLACE VIEW reporting_internal.read_exception AS
WITH judged AS (
    SELECT
        holding.*,
        definition.value AS definition_value,
        definition.occurred_at AS definition_updated_at,
        definition.deleted_at AS definition_deleted_at,
        holding.balance > holding.face_value AS is_over_face_value,
        holding.purchase_price > holding.face_value AS is_overpriced,
        holding.is_purchase_known AND holding.purchase_price IS NULL AS is_without_price,
        holding.currency = 'unspecified' AS is_currency_unspecified,
        NOT holding.is_purchase_known AS is_purchase_missing,
        holding.purchase_transactions_paid > 0 AS is_spent,
        holding.face_value < definition.value AS is_partial,
        holding.purchase_deleted AS is_voided_at_purchase,
        holding.first_seen < definition.value AS is_first_seen_partial,
        holding.definition_id IS NOT NULL AND definition.definition_id IS NULL AS is_orphan,
        definition.disabled AND holding.purchased_at >= definition.occurred_at AS is_sold_while_disabled,
        holding.purchased_at > definition.deleted_at AS is_sold_after_deleted
    FROM reporting_internal.holding
    LEFT JOIN giftcert.definition USING (definition_id, livemode)
)

SELECT
    judged.livemode,
    broken.rule,
    broken.severity,
    'certificate' AS entity,
    judged.certificate_id AS entity_id,
    judged.account_id,
    judged.effective_at AS occurred_at,
    broken.observed,
    broken.expected
FROM judged
CROSS JOIN LATERAL (
    VALUES
        (
            is_over_face_value, 'balance_over_face_value', 'error',
            (balance * 0.00001)::text,
            'at most ' || face_value * 0.00001
        ),
        (
            is_overpriced, 'price_over_face_value', 'warning',
            (purchase_price * 0.00001)::text,
            'at most ' || face_value * 0.00001
        ),
        (
            is_without_price, 'price_missing', 'warning',
            'none',
            'a price'
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
            is_spent, 'purchase_already_spent', 'warning',
            purchase_transactions_paid || ' transactions paid',
            'none at the purchase'
        ),
        (
            is_partial AND is_spent IS NOT TRUE, 'purchase_already_spent', 'warning',
            (face_value * 0.00001)::text,
            'the face value of its definition, ' || definition_value * 0.00001
        ),
        (
            is_voided_at_purchase, 'voided_at_purchase', 'warning',
            'deleted when it was purchased',
            'deleted later, if at all'
        ),
        (
            is_first_seen_partial, 'first_seen_partial', 'warning',
            (first_seen * 0.00001)::text,
            'the face value of its definition, ' || definition_value * 0.00001
        ),
        (
            is_orphan, 'definition_unknown', 'warning',
            definition_id,
            'a definition that we know'
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
        )
) AS broken (is_broken, rule, severity, observed, expected)
-- First the cheap question, of every certificate; then which rule it was, of the few.
WHERE (
        is_over_face_value OR is_overpriced OR is_without_price OR is_currency_unspecified OR is_purchase_missing
        OR is_spent OR is_partial OR is_voided_at_purchase OR is_first_seen_partial OR is_orphan
        OR is_sold_while_disabled OR is_sold_after_deleted
    )
    AND broken.is_broken

UNION ALL

SELECT
    definition.livemode,
    broken.rule,
    'warning',
    'definition',
    definition.definition_id,
    definition.account_id,
    definition.occurred_at,
    broken.observed,
    broken.expected
FROM giftcert.definition
CROSS JOIN LATERAL (
    VALUES
        (
            price > value, 'price_over_face_value',
            (price * 0.00001)::text,
            'at most ' || value * 0.00001
        ),
        (
            currency_code <> first_currency_code, 'definition_currency_changed',
            currency_code,
            first_currency_code
        )
) AS broken (is_broken, rule, observed, expected)
WHERE broken.is_broken

UNION ALL

SELECT
    definition.livemode,
    split_part(doubt, ' ', 1),
    'warning',
    'definition',
    definition.definition_id,
    definition.account_id,
    definition.occurred_at,
    substr(doubt, strpos(doubt, ' ') + 1),
    CASE split_part(doubt, ' ', 1)
        WHEN 'date_implausible' THEN 'a date from 2000 on, and not later than an hour after the event was emitted'
        ELSE 'a value as the sender documents it'
    END
FROM giftcert.definition
CROSS JOIN LATERAL unnest(definition.doubts) AS doubt

UNION ALL

-- Only where a book does not agree with its certificates are these compared one by one.
SELECT
    told.livemode,
    'projection_differs',
    'error',
    'certificate',
    told.certificate_id,
    max(told.account_id),
    max(told.occurred_at),
    coalesce((sum(told.outstanding) * 0.00001)::text, 'no certificate'),
    coalesce((sum(told.booked) * 0.00001)::text, 'no line in the journal')
FROM (
    SELECT livemode, certificate_id, account_id, currency, issuing_station_id, occurred_at, outstanding, NULL AS booked
    FROM reporting_internal.holding

    UNION ALL

    SELECT livemode, certificate_id, account_id, currency, issuing_station_id, NULL, NULL, change
    FROM giftcert.journal
) AS told
WHERE EXISTS (
    SELECT
    FROM reporting_internal.difference
    WHERE difference.livemode = told.livemode
        AND (difference.account_id, difference.currency, difference.issuing_station_id)
            IS NOT DISTINCT FROM (told.account_id, told.currency, told.issuing_station_id)
)
GROUP BY told.livemode, told.certificate_id
HAVING coalesce(sum(told.outstanding), 0) <> coalesce(sum(told.booked), 0)

UNION ALL

SELECT
    livemode,
    'sender_differs',
    'error',
    entity,
    entity_id,
    account_id,
    differs_since,
    coalesce((amount_here * 0.00001)::text, 'nothing')
        || CASE WHEN price_here <> price_there THEN ' at ' || price_here * 0.00001 ELSE '' END,
    coalesce((amount_there * 0.00001)::text, CASE WHEN verdict = 'missing_there' THEN 'nothing' ELSE 'an amount' END)
        || CASE WHEN price_here <> price_there THEN ' at ' || price_there * 0.00001 ELSE '' END
FROM reporting_internal.compared
WHERE verdict IN ('balance_differs', 'missing_here', 'missing_there') AND holds;
