-- What was outstanding when March ended, on the clock of each station?
SELECT account_id, currency, outstanding, certificates
FROM reporting.liability_on('2026-03-31')
ORDER BY account_id, currency;
