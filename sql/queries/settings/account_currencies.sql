-- The base currencies of accounts ($1 account ids, $2 currency codes): these and no others. Certificates are booked again
-- where they change.
WITH named AS (
    INSERT INTO giftcert.account_currency AS known (account_id, currency_code)
    SELECT account_id, currency_code
    FROM unnest($1::text[], $2::text[]) AS setting (account_id, currency_code)
    ON CONFLICT (account_id) DO UPDATE SET currency_code = EXCLUDED.currency_code
    WHERE known.currency_code <> EXCLUDED.currency_code
    RETURNING known.account_id
),

gone AS (
    DELETE FROM giftcert.account_currency WHERE account_id <> ALL ($1::text[]) RETURNING account_id
)

INSERT INTO giftcert.rebooking_task (kind)
SELECT 'setting'
WHERE EXISTS (SELECT FROM named UNION ALL SELECT FROM gone)
