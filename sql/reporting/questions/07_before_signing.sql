-- What has to be understood before the figures are signed?
SELECT severity, rule, count(*) AS exceptions, max(occurred_at) AS newest
FROM reporting.data_quality_exceptions
WHERE NOT is_acknowledged
GROUP BY severity, rule
ORDER BY severity, exceptions DESC;
