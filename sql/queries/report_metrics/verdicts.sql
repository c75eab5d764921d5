-- Every verdict but match, with 0 where there is none of it; nothing where nobody ever asked.
SELECT verdict, count(reconciliation.verdict)
FROM unnest(ARRAY['balance_differs', 'missing_here', 'missing_there', 'in_flight', 'unreadable']) AS verdict
LEFT JOIN reporting.reconciliation USING (verdict)
WHERE EXISTS (SELECT FROM giftcert.reconciliation_run WHERE livemode)
GROUP BY verdict
