CREATE OR REPLACE VIEW {schema}.definition_performance AS
WITH held AS (
    SELECT
        account_id,
        definition_id,
        currency,
        count(*) FILTER (WHERE is_purchase_known AND purchase_price IS DISTINCT FROM 0) AS sold,
        count(*) FILTER (WHERE is_purchase_known AND purchase_price = 0) AS given_away,
        coalesce(sum(purchase_price), 0) AS price,
        coalesce(sum(face_value), 0) AS face_value,
        coalesce(sum(face_value) FILTER (WHERE purchase_price = 0), 0) AS face_value_given_away,
        coalesce(sum(face_value) FILTER (WHERE purchase_price <> 0) - sum(purchase_price), 0) AS discount,
        sum(outstanding) AS outstanding,
        sum(negative) AS negative
    FROM reporting_internal.holding
    WHERE livemode = {livemode}
    GROUP BY account_id, definition_id, currency
),

redemptions AS (
    SELECT
        account_id,
        definition_id,
        currency,
        sum(redeemed) AS redeemed,
        coalesce(sum(redeemed) FILTER (WHERE is_purchase_known), 0) AS redeemed_of_known_purchases
    FROM reporting_internal.redemption
    WHERE grouped_by = 'definition' AND livemode = {livemode}
    GROUP BY account_id, definition_id, currency
)

SELECT
    held.account_id,
    held.definition_id,
    definition.name AS definition_name,
    held.currency,
    held.sold,
    held.given_away,
    held.price * 0.00001 AS price,
    held.face_value * 0.00001 AS face_value,
    held.face_value_given_away * 0.00001 AS face_value_given_away,
    held.discount * 0.00001 AS discount,
    coalesce(redemptions.redeemed, 0) * 0.00001 AS redeemed,
    held.outstanding * 0.00001 AS outstanding,
    held.negative * 0.00001 AS negative,
    round(coalesce(redemptions.redeemed_of_known_purchases, 0) / nullif(held.face_value, 0), 5) AS redemption_rate
FROM held
LEFT JOIN giftcert.definition
    ON definition.definition_id = held.definition_id AND definition.livemode = {livemode}
LEFT JOIN redemptions
    ON (redemptions.account_id, redemptions.definition_id, redemptions.currency)
        IS NOT DISTINCT FROM (held.account_id, held.definition_id, held.currency);

COMMENT ON VIEW {schema}.definition_performance IS
'Grain: one row an account, definition and currency of which certificates are known.
Reader: product managers and marketing.
Definition: what was sold and given away of a definition, at which discount, and how much of it came back. Certificates that name no definition stand in a row of their own.';
COMMENT ON COLUMN {schema}.definition_performance.discount IS 'Face value less price of those that were sold; below 0 where more was paid than is got.';
COMMENT ON COLUMN {schema}.definition_performance.redemption_rate IS 'Redeemed ÷ face value, both of certificates whose purchase is known; 0.25 is 25 %.';
