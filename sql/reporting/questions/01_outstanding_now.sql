-- What is outstanding now, at face value and at what was paid for it?
SELECT account_id, currency, outstanding, outstanding_at_consideration, negative, certificates
FROM reporting.liability_current
ORDER BY account_id, currency;
