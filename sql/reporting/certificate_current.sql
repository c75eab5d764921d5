CREATE OR REPLACE VIEW {schema}.certificate_current AS
SELECT
    certificate_id,
    account_id,
    definition_id,
    status,
    currency,
    outstanding * 0.00001 AS balance,
    face_value * 0.00001 AS face_value,
    coalesce(purchase_price, price) * 0.00001 AS price,
    coalesce(purchase_total, total) * 0.00001 AS total,
    consideration * 0.00001 AS balance_at_consideration,
    balance * 0.00001 AS balance_as_sent,
    issued_at,
    effective_at AS updated_at,
    transactions_paid,
    deleted AS is_voided,
    is_purchase_known,
    transaction_id,
    agency_id,
    agency_name,
    issuing_station_id,
    issuing_station_name,
    station_id AS last_station_id,
    station_name AS last_station_name
FROM reporting_internal.holding
WHERE livemode = {livemode};

COMMENT ON VIEW {schema}.certificate_current IS
'Grain: one row a certificate.
Reader: support, and whoever asks what a certificate is worth now.
Definition: the newest update of each certificate, by the time at which it happened and not by its arrival, else its purchase; what it is booked under, and what its purchase says.';
COMMENT ON COLUMN {schema}.certificate_current.balance IS
'What its holder can still spend: the balance as sent, 0 once it is voided.';
COMMENT ON COLUMN {schema}.certificate_current.transaction_id IS 'The transaction in which it was bought.';
