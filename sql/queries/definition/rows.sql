-- The type of the rows that definition/merge takes: a table that never holds any, for a type cannot be made like a table.
-- In the order of schemas.definitions.COLUMNS.
CREATE TEMPORARY TABLE incoming_definition AS
SELECT
    definition_id, livemode, deleted_at, event_id, occurred_at, emitted_at, kind, price, value, name, description,
    currency_code, account_id, disabled, taxable, created_at, doubts, data, first_currency_event_id,
    first_currency_occurred_at, first_currency_emitted_at, first_currency_kind, first_currency_code
FROM giftcert.definition
WITH NO DATA;
