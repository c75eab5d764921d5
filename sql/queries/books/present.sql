-- The time of this booking, the settings and closed months that it goes by, and the first currencies of definitions ($1
-- ids): one row a definition that is known, or one without.
SELECT
    present.booked_at,
    present.time_zone,
    present.account_currencies,
    present.closed,
    definition.definition_id,
    definition.livemode,
    definition.first_currency_code
FROM (
    SELECT
        clock_timestamp() AS booked_at,
        setting.time_zone,
        (SELECT json_object_agg(account_id, currency_code ORDER BY account_id)::text FROM giftcert.account_currency)
            AS account_currencies,
        -- No account is called ''.
        (SELECT json_object_agg(coalesce(account_id, ''), month)::text FROM giftcert.closed_period) AS closed
    FROM giftcert.reporting_setting AS setting
) AS present
LEFT JOIN definition ON definition.definition_id = ANY ($1::text[])
