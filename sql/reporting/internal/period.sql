-- The days and the months of the books, live and test, to the latest of any: every month, and every day but those of
-- years in which nothing was posted. So one event of the year 2000 brings its books one year of days, and not all since.
CREATE OR REPLACE VIEW reporting_internal.period AS
WITH posted AS (
    SELECT
        livemode,
        date_trunc('year', posting_day::timestamp) AS year,
        min(posting_day)::timestamp AS first_day,
        max(max(posting_day)) OVER (PARTITION BY livemode)::timestamp AS latest
    FROM (
        SELECT livemode, posting_day
        FROM reporting_internal.total
        GROUP BY livemode, posting_day
        HAVING sum(entries) > 0
    ) AS day
    GROUP BY livemode, year
)

SELECT 'day' AS grain, livemode, day::date AS period
FROM posted
CROSS JOIN LATERAL generate_series(year, least(year + interval '1 year - 1 day', latest), interval '1 day') AS day

UNION ALL

SELECT 'month', livemode, month::date
FROM (
    SELECT livemode, date_trunc('month', min(first_day)) AS first_month, max(latest) AS latest
    FROM posted
    GROUP BY livemode
) AS books
CROSS JOIN LATERAL generate_series(first_month, latest, interval '1 month') AS month;
