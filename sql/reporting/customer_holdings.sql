CREATE OR REPLACE VIEW {schema}.customer_holdings AS
SELECT
    state.customer_number,
    state.account_id,
    state.currency,
    count(*) FILTER (WHERE state.balance <> 0) AS certificates,
    count(*) AS certificates_known,
    (sum(state.balance) * 0.00001)::numeric(20, 5) AS outstanding,
    (
        sum(reporting_internal.at_consideration(state.balance, state.purchase_price, state.face_value)) * 0.00001
    )::numeric(20, 5) AS outstanding_at_consideration,
    max(state.updated_at) AS updated_at
FROM reporting_internal.certificate_state AS state
WHERE state.livemode = {livemode}
GROUP BY state.customer_number, state.account_id, state.currency;

COMMENT ON VIEW {schema}.customer_holdings IS
'Grain: one row a customer, account and currency.
Reader: support and marketing, with the sender''s customer numbers; names and addresses are not here.
Definition: the balances of certificate_current by customer. Certificates without a customer number stand in one row, so that the holdings sum to liability_current.';
