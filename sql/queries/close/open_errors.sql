-- Open exceptions of severity error of an account ($1), and of what belongs to none: how many of each rule.
SELECT rule, count(*) AS number
FROM reporting.data_quality_exceptions
WHERE severity = 'error' AND NOT is_acknowledged
    AND (account_id IS NOT DISTINCT FROM $1 OR account_id IS NULL)
GROUP BY rule
ORDER BY rule
