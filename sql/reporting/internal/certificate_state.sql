-- Current state, one row a certificate, live and test: the newest event, and what the purchase, the definition and the
-- account add to it. Amounts in 1/100000. Where a report needs nothing but the digest, the planner leaves the table of
-- certificates out.
CREATE OR REPLACE VIEW reporting_internal.certificate_state AS
SELECT
    digest.certificate_id,
    digest.livemode,
    digest.account_id,
    digest.definition_id,
    definition.definition_id IS NOT NULL AS is_definition_known,
    definition.name AS definition_name,
    definition.value AS definition_face_value,
    definition.disabled AS is_definition_disabled,
    definition.occurred_at AS definition_updated_at,
    definition.deleted_at AS definition_deleted_at,
    certificate.status,
    digest.customer_number,
    certificate.transaction_id,
    certificate.transactions_paid,
    certificate.agency_id,
    digest.deleted AS is_voided,
    -- The face value of a known purchase is never NULL.
    digest.face_value IS NOT NULL AS is_purchase_known,
    -- What the purchase says; where it is not known or says nothing, the first event that does. Later events come
    -- from stations of other countries too, and a certificate does not change its currency there.
    coalesce(
        CASE
            WHEN digest.face_value IS NOT NULL THEN reporting_internal.currency_of(
                definition.currency_code,
                digest.station_currency_code,
                account_currency.currency_code,
                digest.display_currency_code
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
            WHERE history.certificate_id = digest.certificate_id
                AND history.livemode = digest.livemode
                AND named.currency IS NOT NULL
            ORDER BY
                history.kind <> 'created', history.occurred_at, history.emitted_at, history.kind,
                coalesce(history.transactions_paid, -1), history.event_id
            LIMIT 1
        ),
        'unspecified'
    ) AS currency,
    digest.balance AS balance_as_sent,
    CASE WHEN digest.deleted THEN 0 ELSE digest.balance END AS balance,
    digest.face_value,
    digest.price AS purchase_price,
    digest.total AS purchase_total,
    coalesce(digest.price, certificate.price) AS price,
    coalesce(digest.total, certificate.total) AS total,
    coalesce(digest.created_at, digest.purchased_at) AS issued_at,
    digest.began_at,
    digest.updated_at,
    certificate.event_id AS newest_event_id,
    digest.station_id AS issuing_station_id,
    digest.station_name AS issuing_station_name,
    digest.station_time_zone AS issuing_time_zone,
    digest.agency_id AS issuing_agency_id,
    digest.purchased_at,
    certificate.station_id AS last_station_id,
    certificate.station_name AS last_station_name
FROM reporting_internal.certificate_digest AS digest
LEFT JOIN giftcert.certificate USING (certificate_id, livemode)
LEFT JOIN giftcert.definition
    ON definition.definition_id = digest.definition_id AND definition.livemode = digest.livemode
LEFT JOIN giftcert.account_currency ON account_currency.account_id = digest.account_id;
