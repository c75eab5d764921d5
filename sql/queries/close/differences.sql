-- Currencies of an account ($1) in which the certificates hold something else than the journal sums to.
SELECT currency, difference
FROM reporting.liability_current
WHERE account_id IS NOT DISTINCT FROM $1 AND difference <> 0
ORDER BY currency
