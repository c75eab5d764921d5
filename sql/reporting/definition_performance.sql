CREATE OR REPLACE VIEW {schema}.definition_performance AS
WITH sales AS (
    SELECT
        account_id,
        definition_id,
        currency,
        count(*) FILTER (WHERE is_given_away IS NOT TRUE) AS sold,
        count(*) FILTER (WHERE is_given_away) AS given_away,
        coalesce(sum(price), 0) AS price,
        sum(face_value) AS face_value,
        coalesce(sum(face_value) FILTER (WHERE is_given_away), 0) AS face_value_given_away,
        coalesce(sum(face_value - price) FILTER (WHERE is_given_away IS NOT TRUE), 0) AS discount
    FROM reporting_internal.sale
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
    WHERE livemode = {livemode}
    GROUP BY account_id, definition_id, currency
),

balances AS (
    SELECT account_id, definition_id, definition_name, currency, sum(balance) AS outstanding
    FROM reporting_internal.certificate_state
    WHERE livemode = {livemode}
    GROUP BY account_id, definition_id, definition_name, currency
)

SELECT
    balances.account_id,
    balances.definition_id,
    balances.definition_name,
    balances.currency,
    coalesce(sales.sold, 0) AS sold,
    coalesce(sales.given_away, 0) AS given_away,
    (coalesce(sales.price, 0) * 0.00001)::numeric(20, 5) AS price,
    (coalesce(sales.face_value, 0) * 0.00001)::numeric(20, 5) AS face_value,
    (coalesce(sales.face_value_given_away, 0) * 0.00001)::numeric(20, 5) AS face_value_given_away,
    (coalesce(sales.discount, 0) * 0.00001)::numeric(20, 5) AS discount,
    (coalesce(redemptions.redeemed, 0) * 0.00001)::numeric(20, 5) AS redeemed,
    (balances.outstanding * 0.00001)::numeric(20, 5) AS outstanding,
    round(coalesce(redemptions.redeemed_of_known_purchases, 0) / nullif(sales.face_value, 0), 5) AS redemption_rate
FROM balances
LEFT JOIN sales
    ON (sales.account_id, sales.definition_id, sales.currency)
        IS NOT DISTINCT FROM (balances.account_id, balances.definition_id, balances.currency)
LEFT JOIN redemptions
    ON (redemptions.account_id, redemptions.definition_id, redemptions.currency)
        IS NOT DISTINCT FROM (balances.account_id, balances.definition_id, balances.currency);

COMMENT ON VIEW {schema}.definition_performance IS
'Grain: one row an account, definition and currency of which certificates are known.
Reader: product managers and marketing.
Definition: what was sold and given away of a definition, at which discount, and how much of it came back. Certificates that name no definition stand in a row of their own.';
COMMENT ON COLUMN {schema}.definition_performance.discount IS 'Face value less price of those that were sold; below 0 where more was paid than is got.';
COMMENT ON COLUMN {schema}.definition_performance.redemption_rate IS 'Redeemed ÷ face value, both of certificates whose purchase is known; 0.25 is 25 %.';
