-- Those that nobody has acknowledged.
SELECT rule, count(*) FROM reporting.data_quality_exceptions WHERE NOT is_acknowledged GROUP BY rule
