-- Two facts of each definition of a batch merge apart: the newer description and the earlier delete stay.
-- Sorted, so that two workers that touch the same definitions lock them in the same order.
INSERT INTO definition AS known (
    definition_id, livemode, deleted_at, occurred_at, emitted_at, kind, event_id,
    price, value, name, description, currency_code, account_id, disabled, taxable, created_at, doubts, data
)
SELECT
    definition_id, livemode, deleted_at, occurred_at, emitted_at, kind, event_id,
    price, value, name, description, currency_code, account_id, disabled, taxable, created_at, doubts, data
FROM incoming_definition
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
    )
