CREATE OR REPLACE VIEW {schema}.customer_holdings AS
SELECT
    customer_number,
    account_id,
    currency,
    count(*) FILTER (WHERE outstanding > 0) AS certificates,
    count(*) AS certificates_known,
    sum(outstanding) * 0.00001 AS outstanding,
    sum(consideration) * 0.00001 AS outstanding_at_consideration,
    sum(negative) * 0.00001 AS negative,
    max(effective_at) AS updated_at
FROM reporting_internal.holding
WHERE livemode = {livemode}
GROUP BY customer_number, account_id, currency;

COMMENT ON VIEW {schema}.customer_holdings IS
'Grain: one row a customer, account and currency.
Reader: support and marketing, with the sender''s customer numbers; names and addresses are not here.
Definition: the balances of certificate_current by customer. Certificates without a customer number stand in one row, so that the holdings sum to liability_current.';
