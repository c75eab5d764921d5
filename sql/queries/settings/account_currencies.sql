-- The base currencies of accounts ($1 account ids, $2 currency codes): these and no others.
WITH current AS (
    INSERT INTO account_currency AS known (account_id, currency_code)
    SELECT account_id, currency_code
    FROM unnest($1::text[], $2::text[]) AS setting (account_id, currency_code)
    ON CONFLICT (account_id) DO UPDATE SET currency_code = EXCLUDED.currency_code
    WHERE known.currency_code <> EXCLUDED.currency_code
)
DELETE FROM account_currency WHERE account_id <> ALL ($1::text[])
