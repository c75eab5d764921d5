CREATE OR REPLACE VIEW {schema}.liability_current AS
SELECT
    state.account_id,
    state.currency,
    (sum(state.balance) * 0.00001)::numeric(20, 5) AS outstanding,
    (
        sum(reporting_internal.at_consideration(state.balance, state.purchase_price, state.face_value)) * 0.00001
    )::numeric(20, 5) AS outstanding_at_consideration,
    count(*) FILTER (WHERE state.balance <> 0) AS certificates,
    count(*) AS certificates_known,
    count(*) FILTER (WHERE state.balance <> 0 AND NOT state.is_purchase_known) AS certificates_without_purchase,
    max(state.updated_at) AS updated_at
FROM (
    SELECT account_id, currency, balance, purchase_price, face_value, is_purchase_known, updated_at
    FROM reporting_internal.certificate_state
    WHERE livemode = {livemode}
    -- A fence: the planner takes the expression for as many currencies as there are certificates, and would sort.
    OFFSET 0
) AS state
GROUP BY state.account_id, state.currency;

COMMENT ON VIEW {schema}.liability_current IS
'Grain: one row an account and currency.
Reader: finance.
Definition: what is outstanding now, the sum of the balances of certificate_current.';
COMMENT ON COLUMN {schema}.liability_current.updated_at IS 'When the newest of these certificates last changed.';
