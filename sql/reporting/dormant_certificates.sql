CREATE OR REPLACE VIEW {schema}.dormant_certificates AS
SELECT
    holding.certificate_id,
    holding.account_id,
    holding.definition_id,
    holding.currency,
    holding.outstanding * 0.00001 AS balance,
    holding.consideration * 0.00001 AS balance_at_consideration,
    holding.issued_at,
    holding.effective_at AS updated_at,
    clock.today - (holding.effective_at AT TIME ZONE clock.name)::date AS days_dormant
FROM reporting_internal.holding
JOIN (
    SELECT name, today, (today - 179)::timestamp AT TIME ZONE name AS since
    FROM reporting_internal.clock
    -- Once a clock, not once a certificate.
    OFFSET 0
) AS clock ON clock.name = holding.time_zone
WHERE holding.livemode = {livemode}
    AND holding.outstanding > 0
    AND holding.effective_at < clock.since;

COMMENT ON VIEW {schema}.dormant_certificates IS
'Grain: one row a certificate with something left and no event for 180 days or more.
Reader: finance and marketing: candidates for breakage or for a reminder; nothing is booked here.
Definition: certificate_current, days counted since the newest event on the clock of its station, else of REPORTING_TIME_ZONE. Ask for more days with WHERE days_dormant >= 365.';
COMMENT ON COLUMN {schema}.dormant_certificates.days_dormant IS 'Days from its newest event to today.';
