CREATE OR REPLACE VIEW {schema}.certificate_current AS
SELECT
    state.certificate_id,
    state.account_id,
    state.definition_id,
    state.status,
    state.currency,
    (state.balance * 0.00001)::numeric(20, 5) AS balance,
    (state.face_value * 0.00001)::numeric(20, 5) AS face_value,
    (state.price * 0.00001)::numeric(20, 5) AS price,
    (state.total * 0.00001)::numeric(20, 5) AS total,
    (reporting_internal.at_consideration(state.balance, state.purchase_price, state.face_value) * 0.00001)::numeric(20, 5)
        AS balance_at_consideration,
    (state.balance_as_sent * 0.00001)::numeric(20, 5) AS balance_as_sent,
    state.issued_at,
    state.updated_at,
    state.transactions_paid,
    state.is_voided,
    state.is_purchase_known,
    state.transaction_id,
    state.agency_id,
    state.issuing_station_id,
    state.issuing_station_name,
    state.last_station_id,
    state.last_station_name
FROM reporting_internal.certificate_state AS state
WHERE state.livemode = {livemode};

COMMENT ON VIEW {schema}.certificate_current IS
'Grain: one row a certificate.
Reader: support, and whoever asks what a certificate is worth now.
Definition: the newest event of each certificate, by the time at which it happened and not by its arrival.';
COMMENT ON COLUMN {schema}.certificate_current.balance IS
'What its holder can still spend: the balance as sent, 0 once it is voided.';
COMMENT ON COLUMN {schema}.certificate_current.transaction_id IS 'The transaction in which it was bought.';
