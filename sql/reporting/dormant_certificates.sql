CREATE OR REPLACE VIEW {schema}.dormant_certificates AS
SELECT
    state.certificate_id,
    state.account_id,
    state.definition_id,
    state.currency,
    (state.balance * 0.00001)::numeric(20, 5) AS balance,
    (
        reporting_internal.at_consideration(state.balance, state.purchase_price, state.face_value) * 0.00001
    )::numeric(20, 5) AS balance_at_consideration,
    state.issued_at,
    state.updated_at,
    today.day - (state.updated_at AT TIME ZONE local_zone.name)::date AS days_dormant
FROM reporting_internal.certificate_state AS state
CROSS JOIN reporting_internal.today
CROSS JOIN reporting_internal.local_zone
WHERE state.livemode = {livemode}
    AND state.balance <> 0
    AND today.day - (state.updated_at AT TIME ZONE local_zone.name)::date >= 180;

COMMENT ON VIEW {schema}.dormant_certificates IS
'Grain: one row a certificate with something left and no event for 180 days or more.
Reader: finance and marketing: candidates for breakage or for a reminder; nothing is booked here.
Definition: certificate_current, days counted in REPORTING_TIME_ZONE since the newest event. Ask for more days with WHERE days_dormant >= 365.';
COMMENT ON COLUMN {schema}.dormant_certificates.days_dormant IS 'Days from its newest event to today.';
