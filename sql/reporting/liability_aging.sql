CREATE OR REPLACE VIEW {schema}.liability_aging AS
WITH aged AS (
    SELECT
        holding.account_id,
        holding.currency,
        holding.outstanding,
        holding.consideration,
        holding.negative,
        -- NULL while the age is not known. Both days are those of one clock.
        1 + width_bucket(
            clock.today - (holding.issued_at AT TIME ZONE clock.name)::date,
            ARRAY[31, 91, 181, 366, 731, 1096]
        ) AS class
    FROM reporting_internal.holding
    CROSS JOIN reporting_internal.local_zone
    LEFT JOIN reporting_internal.clock ON clock.name = coalesce(holding.issuing_time_zone, local_zone.name)
    WHERE holding.livemode = {livemode} AND holding.outstanding <> 0
)

SELECT
    account_id,
    currency,
    class.from_days,
    coalesce(class.age, 'unknown') AS age,
    sum(outstanding) * 0.00001 AS outstanding,
    sum(consideration) * 0.00001 AS outstanding_at_consideration,
    sum(negative) * 0.00001 AS negative,
    count(*) FILTER (WHERE outstanding > 0) AS certificates
FROM aged
LEFT JOIN (
    VALUES
        (1, 0, '0-30 days'),
        (2, 31, '31-90 days'),
        (3, 91, '91-180 days'),
        (4, 181, '181-365 days'),
        (5, 366, '1-2 years'),
        (6, 731, '2-3 years'),
        (7, 1096, 'over 3 years')
) AS class (class, from_days, age) USING (class)
GROUP BY account_id, currency, class.from_days, class.age;

COMMENT ON VIEW {schema}.liability_aging IS
'Grain: one row an account, currency and class of age.
Reader: finance, for estimates of breakage; nothing is booked here.
Definition: what is outstanding now, by the days since the certificate was issued, both days on the clock of the issuing station, else of REPORTING_TIME_ZONE. Certificates whose date of issue is not known stand under ''unknown'', so that the classes sum to liability_current.';
COMMENT ON COLUMN {schema}.liability_aging.from_days IS 'The class''s first day, to sort by; NULL for ''unknown''.';
COMMENT ON COLUMN {schema}.liability_aging.age IS 'The class.';
