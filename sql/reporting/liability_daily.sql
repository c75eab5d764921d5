CREATE OR REPLACE VIEW {schema}.liability_daily AS
WITH by_day AS (
    SELECT
        posting_day AS day, account_id, currency,
        sum(change) AS change,
        sum(change_at_consideration) AS change_at_consideration,
        sum(negative) AS negative,
        sum(certificates) AS certificates
    FROM reporting_internal.total
    WHERE livemode = {livemode}
    GROUP BY posting_day, account_id, currency
    -- What was taken back altogether was never there.
    HAVING sum(entries) > 0
),

calendar AS (
    SELECT period.period AS day, book.account_id, book.currency
    FROM (SELECT account_id, currency, min(day) AS first FROM by_day GROUP BY account_id, currency) AS book
    JOIN reporting_internal.period
        ON period.grain = 'day' AND period.livemode = {livemode} AND period.period >= book.first
)

SELECT
    calendar.day,
    calendar.account_id,
    calendar.currency,
    coalesce(sum(change) OVER so_far, 0) * 0.00001 AS outstanding,
    coalesce(sum(change_at_consideration) OVER so_far, 0) * 0.00001 AS outstanding_at_consideration,
    coalesce(sum(negative) OVER so_far, 0) * 0.00001 AS negative,
    coalesce(sum(certificates) OVER so_far, 0)::bigint AS certificates
FROM calendar
LEFT JOIN by_day
    ON by_day.day = calendar.day
        AND by_day.currency = calendar.currency
        AND by_day.account_id IS NOT DISTINCT FROM calendar.account_id
WINDOW so_far AS (PARTITION BY calendar.account_id, calendar.currency ORDER BY calendar.day);

COMMENT ON VIEW {schema}.liability_daily IS
'Grain: one row a day, account and currency, every day from its first to the latest posting day of any; years in which nothing was posted at all are left out.
Reader: finance and treasury.
Definition: what was outstanding when the day ended on the clocks of the stations, as it is known now. liability_on answers for one day, also as it was known then; liability_as_of for an instant.';
COMMENT ON COLUMN {schema}.liability_daily.day IS 'The posting day.';
