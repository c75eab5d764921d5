-- What was outstanding when March ended in Toronto?
SELECT account_id, currency, outstanding, certificates
FROM reporting.liability_as_of('2026-04-01 00:00 America/Toronto')
ORDER BY account_id, currency;
