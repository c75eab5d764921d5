CREATE OR REPLACE VIEW {schema}.reconciliation_coverage AS
SELECT
    account_id,
    currency,
    sum(outstanding) * 0.00001 AS outstanding,
    coalesce(sum(outstanding) FILTER (WHERE confirmed_within <= 1), 0) * 0.00001 AS confirmed_1_day,
    coalesce(sum(outstanding) FILTER (WHERE confirmed_within <= 7), 0) * 0.00001 AS confirmed_7_days,
    coalesce(sum(outstanding) FILTER (WHERE confirmed_within <= 30), 0) * 0.00001 AS confirmed_30_days,
    coalesce(sum(outstanding) FILTER (WHERE differs), 0) * 0.00001 AS differing,
    coalesce(sum(outstanding) FILTER (WHERE obstacle = 'no_customer_number'), 0) * 0.00001 AS without_customer_number,
    coalesce(sum(outstanding) FILTER (WHERE obstacle = 'not_paid'), 0) * 0.00001 AS not_paid,
    coalesce(sum(outstanding) FILTER (WHERE obstacle = 'account_not_asked'), 0) * 0.00001 AS account_not_asked
FROM (
    -- First one sum of what is told alike: a sum for each column would be eight a certificate.
    SELECT
        holding.account_id,
        holding.currency,
        CASE
            WHEN look.verdict IS DISTINCT FROM 'match' OR look.amount_there IS DISTINCT FROM holding.outstanding THEN NULL
            WHEN look.looked_at >= now() - interval '1 day' THEN 1
            WHEN look.looked_at >= now() - interval '7 days' THEN 7
            WHEN look.looked_at >= now() - interval '30 days' THEN 30
        END AS confirmed_within,
        look.verdict IN ('balance_differs', 'missing_there') AND look.amount_here = holding.outstanding AS differs,
        coalesce(
            giftcert.why_not_askable(holding.customer_number, holding.status),
            CASE WHEN holding.account_id <> ALL (run.accounts) THEN 'account_not_asked' END
        ) AS obstacle,
        sum(holding.outstanding) AS outstanding
    FROM reporting_internal.holding
    LEFT JOIN giftcert.reconciliation_item AS look
        ON look.entity = 'certificate' AND look.entity_id = holding.certificate_id AND look.livemode = holding.livemode
    LEFT JOIN (
        SELECT accounts
        FROM giftcert.reconciliation_run
        WHERE livemode = {livemode}
        ORDER BY id DESC
        LIMIT 1
    ) AS run ON true
    WHERE holding.livemode = {livemode}
    GROUP BY holding.account_id, holding.currency, confirmed_within, differs, obstacle
) AS told
GROUP BY account_id, currency;

COMMENT ON VIEW {schema}.reconciliation_coverage IS
'Grain: one row an account and currency.
Reader: finance and auditors, who ask which part of the liability its source confirms.
Definition: of what is outstanding, what the sender''s own list said to the unit, and what it cannot be asked for. A balance that moved after it was confirmed is not confirmed. What certificates we never heard of hold is in no row: only their customers, if we know them, show them (reconciliation, missing_here).';
COMMENT ON COLUMN {schema}.reconciliation_coverage.confirmed_1_day IS 'The part that the sender confirmed within a day.';
COMMENT ON COLUMN {schema}.reconciliation_coverage.confirmed_7_days IS 'The part that the sender confirmed within seven days.';
COMMENT ON COLUMN {schema}.reconciliation_coverage.confirmed_30_days IS 'The part that the sender confirmed within thirty days.';
COMMENT ON COLUMN {schema}.reconciliation_coverage.differing IS 'The part of which the sender says something else.';
COMMENT ON COLUMN {schema}.reconciliation_coverage.without_customer_number IS
'The part that cannot be asked for, since its certificates name no customer, or a number that cannot be sent.';
COMMENT ON COLUMN {schema}.reconciliation_coverage.not_paid IS
'The part that cannot be asked for, since the sender lists paid certificates only and these have another status.';
COMMENT ON COLUMN {schema}.reconciliation_coverage.account_not_asked IS
'The part that is not asked for, since SENDER_API_ACCOUNTS does not name its account.';
