SELECT rule, count(*) FROM reporting.data_quality_exceptions GROUP BY rule
