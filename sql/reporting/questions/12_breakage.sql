-- What could be breakage: how much has not moved for two years?
SELECT currency, count(*) AS certificates, sum(balance) AS balance
FROM reporting.dormant_certificates
WHERE days_dormant >= 730
GROUP BY currency
ORDER BY currency;
