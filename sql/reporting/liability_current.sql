CREATE OR REPLACE VIEW {schema}.liability_current AS
SELECT
    account_id,
    currency,
    sum(outstanding) * 0.00001 AS outstanding,
    sum(consideration) * 0.00001 AS outstanding_at_consideration,
    sum(negative) * 0.00001 AS negative,
    sum(certificates)::bigint AS certificates,
    sum(certificates_known)::bigint AS certificates_known,
    sum(certificates_without_purchase)::bigint AS certificates_without_purchase,
    max(updated_at) AS updated_at,
    sum(outstanding - booked) * 0.00001 AS difference
FROM (
    SELECT
        account_id,
        currency,
        sum(outstanding) AS outstanding,
        sum(consideration) AS consideration,
        sum(negative) AS negative,
        count(*) FILTER (WHERE outstanding > 0) AS certificates,
        count(*) AS certificates_known,
        count(*) FILTER (WHERE outstanding > 0 AND NOT is_purchase_known) AS certificates_without_purchase,
        max(effective_at) AS updated_at,
        0 AS booked
    FROM reporting_internal.holding
    WHERE livemode = {livemode}
    GROUP BY account_id, currency

    UNION ALL

    SELECT account_id, currency, 0, 0, 0, 0, 0, 0, NULL, sum(change)
    FROM reporting_internal.stood({livemode}, 'infinity', NULL)
    GROUP BY account_id, currency
    HAVING sum(change) <> 0
) AS told
GROUP BY account_id, currency;

COMMENT ON VIEW {schema}.liability_current IS
'Grain: one row an account and currency.
Reader: finance.
Definition: what is outstanding now, the sum of the balances of certificate_current.';
COMMENT ON COLUMN {schema}.liability_current.updated_at IS 'When the newest of these certificates last changed.';
COMMENT ON COLUMN {schema}.liability_current.difference IS
'outstanding less the sum of the journal''s lines: 0, or books and certificates tell different stories.';
