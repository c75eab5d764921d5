CREATE OR REPLACE VIEW {schema}.definition_current AS
SELECT
    definition.definition_id,
    definition.account_id,
    definition.name AS definition_name,
    definition.description,
    coalesce(definition.currency_code, account_currency.currency_code, 'unspecified') AS currency,
    definition.price * 0.00001 AS price,
    definition.value * 0.00001 AS face_value,
    (definition.value::numeric - definition.price) * 0.00001 AS discount,
    round((definition.value::numeric - definition.price) / nullif(definition.value, 0), 5) AS discount_rate,
    definition.disabled AS is_disabled,
    definition.taxable AS is_taxable,
    definition.deleted_at IS NOT NULL AS is_deleted,
    definition.created_at,
    definition.occurred_at AS updated_at,
    definition.deleted_at
FROM giftcert.definition
LEFT JOIN giftcert.account_currency ON account_currency.account_id = definition.account_id
WHERE definition.livemode = {livemode};

COMMENT ON VIEW {schema}.definition_current IS
'Grain: one row a definition (what is sold), deleted ones included.
Reader: product managers.
Definition: the newest description of each definition; a delete is final, and until a description arrives the delete is all that is known.';
COMMENT ON COLUMN {schema}.definition_current.price IS 'What one pays for a certificate, before taxes and fees.';
COMMENT ON COLUMN {schema}.definition_current.face_value IS 'What one gets: the balance of a new certificate.';
COMMENT ON COLUMN {schema}.definition_current.discount IS 'Face value less price.';
COMMENT ON COLUMN {schema}.definition_current.discount_rate IS 'Discount ÷ face value; 0.25 is 25 %.';
COMMENT ON COLUMN {schema}.definition_current.currency IS
'Its own currency as it is described now, else the account''s; ''unspecified'' when neither is known. Certificates keep the first that it ever gave.';
