-- What each certificate holds now, live and test. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.holding AS
SELECT
    certificate.*,
    CASE WHEN deleted THEN 0 ELSE balance END AS outstanding,
    CASE WHEN deleted THEN 0 ELSE least(balance, 0) END AS negative,
    purchase_event_id IS NOT NULL AS is_purchase_known,
    coalesce(created_at, purchased_at) AS issued_at
FROM giftcert.certificate;
