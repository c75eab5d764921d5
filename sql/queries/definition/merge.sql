-- Three facts of each definition of a batch ($1) merge apart: the newer description, the earlier delete and the first currency
-- stay. Sorted, so that two workers that touch the same definitions lock them in the same order.
INSERT INTO definition AS known (
    definition_id, livemode, deleted_at, occurred_at, emitted_at, kind, event_id,
    price, value, name, description, currency_code, account_id, disabled, taxable, created_at, doubts, data,
    first_currency_occurred_at, first_currency_emitted_at, first_currency_kind, first_currency_event_id,
    first_currency_code
)
SELECT
    definition_id, livemode, deleted_at, occurred_at, emitted_at, kind, event_id,
    price, value, name, description, currency_code, account_id, disabled, taxable, created_at, doubts, data,
    first_currency_occurred_at, first_currency_emitted_at, first_currency_kind, first_currency_event_id,
    first_currency_code
FROM unnest($1::incoming_definition[])
ORDER BY definition_id, livemode
ON CONFLICT (definition_id, livemode) DO UPDATE SET
    -- LEAST passes over NULL: no delete known is not earlier than one that is.
    deleted_at = LEAST(known.deleted_at, EXCLUDED.deleted_at),
    (
        occurred_at, emitted_at, kind, event_id,
        price, value, name, description, currency_code, account_id, disabled, taxable, created_at, doubts, data
    ) = (
        SELECT
            newest.occurred_at, newest.emitted_at, newest.kind, newest.event_id,
            newest.price, newest.value, newest.name, newest.description, newest.currency_code,
            newest.account_id, newest.disabled, newest.taxable, newest.created_at, newest.doubts, newest.data
        FROM (
            SELECT known.*
            UNION ALL
            SELECT EXCLUDED.*
        ) AS newest
        -- A delete describes nothing; among descriptions the order of events (none of them pays).
        ORDER BY
            newest.event_id IS NULL,
            newest.kind <> 'created' DESC,
            newest.occurred_at DESC, newest.emitted_at DESC, newest.kind DESC, newest.event_id DESC
        LIMIT 1
    ),
    (
        first_currency_occurred_at, first_currency_emitted_at, first_currency_kind, first_currency_event_id,
        first_currency_code
    ) = (
        SELECT
            first.first_currency_occurred_at, first.first_currency_emitted_at, first.first_currency_kind,
            first.first_currency_event_id, first.first_currency_code
        FROM (
            SELECT known.*
            UNION ALL
            SELECT EXCLUDED.*
        ) AS first
        ORDER BY
            first.first_currency_event_id IS NULL,
            first.first_currency_kind <> 'created',
            first.first_currency_occurred_at, first.first_currency_emitted_at, first.first_currency_kind,
            first.first_currency_event_id
        LIMIT 1
    )
