-- Current state, one row a certificate, live and test: the newest event, and what the purchase, the definition and the
-- account add to it. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.certificate_state AS
SELECT
    certificate.certificate_id,
    certificate.livemode,
    certificate.account_id,
    certificate.definition_id,
    definition.definition_id IS NOT NULL AS is_definition_known,
    definition.name AS definition_name,
    definition.value AS definition_face_value,
    definition.disabled AS is_definition_disabled,
    definition.occurred_at AS definition_updated_at,
    definition.deleted_at AS definition_deleted_at,
    certificate.status,
    certificate.customer_number,
    certificate.transaction_id,
    certificate.transactions_paid,
    certificate.agency_id,
    certificate.deleted AS is_voided,
    purchase.event_id IS NOT NULL AS is_purchase_known,
    -- What the purchase says; where it is not known or says nothing, the first event that does. Later events come
    -- from stations of other countries too, and a certificate does not change its currency there.
    coalesce(
        CASE
            WHEN purchase.event_id IS NOT NULL THEN reporting_internal.currency_of(
                definition.currency_code,
                purchase.station_currency_code,
                account_currency.currency_code,
                purchase.display_currency_code
            )
        END,
        (
            SELECT named.currency
            FROM giftcert.certificate_history AS history
            CROSS JOIN LATERAL (
                SELECT
                    reporting_internal.currency_of(
                        definition.currency_code,
                        history.station_currency_code,
                        account_currency.currency_code,
                        history.display_currency_code
                    ) AS currency
            ) AS named
            WHERE history.certificate_id = certificate.certificate_id
                AND history.livemode = certificate.livemode
                AND named.currency IS NOT NULL
            ORDER BY history.occurred_at, history.emitted_at, history.kind, history.event_id
            LIMIT 1
        ),
        'unspecified'
    ) AS currency,
    certificate.balance AS balance_as_sent,
    CASE WHEN certificate.deleted THEN 0 ELSE certificate.balance END AS balance,
    purchase.face_value,
    purchase.price AS purchase_price,
    purchase.total AS purchase_total,
    coalesce(purchase.price, certificate.price) AS price,
    coalesce(purchase.total, certificate.total) AS total,
    coalesce(certificate.created_at, purchase.occurred_at) AS issued_at,
    certificate.occurred_at AS updated_at,
    certificate.event_id AS newest_event_id,
    purchase.station_id AS issuing_station_id,
    purchase.station_name AS issuing_station_name,
    purchase.station_time_zone AS issuing_time_zone,
    purchase.agency_id AS issuing_agency_id,
    purchase.occurred_at AS purchased_at,
    certificate.station_id AS last_station_id,
    certificate.station_name AS last_station_name
FROM giftcert.certificate
LEFT JOIN reporting_internal.certificate_purchase AS purchase USING (certificate_id, livemode)
LEFT JOIN giftcert.definition USING (definition_id, livemode)
LEFT JOIN giftcert.account_currency ON account_currency.account_id = certificate.account_id;
