CREATE OR REPLACE VIEW {schema}.liability_aging AS
-- When the oldest day of each class began on each clock, the oldest class first: to compare with that is cheaper than to
-- read every certificate's time on its clock.
WITH clock AS MATERIALIZED (
    SELECT
        name,
        ARRAY(
            SELECT (today - days)::timestamp AT TIME ZONE name
            FROM unnest(ARRAY[1095, 730, 365, 180, 90, 30]) AS days
        ) AS begins
    FROM reporting_internal.clock
),

aged AS (
    SELECT
        holding.account_id,
        holding.currency,
        -- NULL while the age is not known. Both days are those of one clock.
        7 - width_bucket(holding.issued_at, clock.begins) AS class,
        sum(holding.outstanding) AS outstanding,
        sum(holding.consideration) AS consideration,
        sum(holding.negative) AS negative,
        count(*) FILTER (WHERE holding.outstanding > 0) AS certificates
    FROM reporting_internal.holding
    CROSS JOIN reporting_internal.local_zone
    LEFT JOIN clock ON clock.name = coalesce(holding.issuing_time_zone, local_zone.name)
    WHERE holding.livemode = {livemode} AND holding.outstanding <> 0
    GROUP BY holding.account_id, holding.currency, class
)

SELECT
    aged.account_id,
    aged.currency,
    class.from_days,
    coalesce(class.age, 'unknown') AS age,
    aged.outstanding * 0.00001 AS outstanding,
    aged.consideration * 0.00001 AS outstanding_at_consideration,
    aged.negative * 0.00001 AS negative,
    aged.certificates
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
) AS class (class, from_days, age) USING (class);

COMMENT ON VIEW {schema}.liability_aging IS
'Grain: one row an account, currency and class of age.
Reader: finance, for estimates of breakage; nothing is booked here.
Definition: what is outstanding now, by the days since the certificate was issued, both days on the clock of the issuing station, else of REPORTING_TIME_ZONE. Certificates whose date of issue is not known stand under ''unknown'', so that the classes sum to liability_current.';
COMMENT ON COLUMN {schema}.liability_aging.from_days IS 'The class''s first day, to sort by; NULL for ''unknown''.';
COMMENT ON COLUMN {schema}.liability_aging.age IS 'The class.';
