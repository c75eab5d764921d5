CREATE OR REPLACE VIEW {schema}.liability_aging AS
WITH outstanding AS (
    SELECT
        state.account_id,
        state.currency,
        state.balance,
        reporting_internal.at_consideration(state.balance, state.purchase_price, state.face_value)
            AS balance_at_consideration,
        -- NULL while the age is not known.
        1 + width_bucket(
            today.day - (state.issued_at AT TIME ZONE coalesce(zone.name, local_zone.name))::date,
            ARRAY[31, 91, 181, 366, 731, 1096]
        ) AS class
    FROM reporting_internal.certificate_state AS state
    CROSS JOIN reporting_internal.today
    CROSS JOIN reporting_internal.local_zone
    LEFT JOIN giftcert.time_zone AS zone ON zone.name = state.issuing_time_zone
    WHERE state.livemode = {livemode} AND state.balance <> 0
    -- A fence, as in liability_current.
    OFFSET 0
)

SELECT
    account_id,
    currency,
    class.from_days,
    coalesce(class.age, 'unknown') AS age,
    (sum(balance) * 0.00001)::numeric(20, 5) AS outstanding,
    (sum(balance_at_consideration) * 0.00001)::numeric(20, 5) AS outstanding_at_consideration,
    count(*) AS certificates
FROM outstanding
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
Definition: what is outstanding now, by the local days since the certificate was issued. Certificates whose date of issue is not known stand under ''unknown'', so that the classes sum to liability_current.';
COMMENT ON COLUMN {schema}.liability_aging.from_days IS 'The class''s first day, to sort by; NULL for ''unknown''.';
COMMENT ON COLUMN {schema}.liability_aging.age IS 'The class.';
