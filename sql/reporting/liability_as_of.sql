-- A function, because both of its times select what is read.
CREATE OR REPLACE FUNCTION {schema}.liability_as_of(as_of timestamptz, known_at timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    account_id text,
    currency text,
    outstanding numeric(20, 5),
    outstanding_at_consideration numeric(20, 5),
    certificates bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB'
SET hash_mem_multiplier = 8
SET jit = off
AS $$
    WITH standing AS (
        SELECT DISTINCT ON (certificate_id)
            certificate_id,
            CASE WHEN deleted THEN 0 ELSE balance END AS balance
        FROM giftcert.certificate_history
        WHERE livemode = {livemode}
            AND occurred_at <= as_of
            AND received_at <= known_at
        ORDER BY certificate_id, occurred_at DESC, emitted_at DESC, kind DESC, event_id DESC
    ),

    -- The first created event that was known then: mostly the one that is the first now.
    purchase AS (
        SELECT certificate_id, face_value, price, station_currency_code, display_currency_code
        FROM reporting_internal.certificate_digest
        WHERE livemode = {livemode} AND purchase_received_at <= known_at

        UNION ALL

        SELECT late.certificate_id, earlier.*
        FROM standing
        JOIN reporting_internal.certificate_digest AS late
            ON late.certificate_id = standing.certificate_id AND late.livemode = {livemode}
        CROSS JOIN LATERAL (
            SELECT history.balance, history.price, history.station_currency_code, history.display_currency_code
            FROM giftcert.certificate_history AS history
            WHERE history.certificate_id = late.certificate_id
                AND history.livemode = {livemode}
                AND history.kind = 'created'
                AND history.received_at <= known_at
            ORDER BY history.occurred_at, history.emitted_at, history.event_id
            LIMIT 1
        ) AS earlier
        WHERE late.purchase_received_at > known_at
    ),

    -- The rules of certificate_state, with what was known then. Of definitions and settings only the present is known.
    state AS (
        SELECT
            certificate.account_id,
            coalesce(
                CASE
                    WHEN purchase.certificate_id IS NOT NULL THEN reporting_internal.currency_of(
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
                    WHERE history.certificate_id = standing.certificate_id
                        AND history.livemode = {livemode}
                        AND history.received_at <= known_at
                        AND named.currency IS NOT NULL
                    ORDER BY history.occurred_at, history.emitted_at, history.kind, history.event_id
                    LIMIT 1
                ),
                'unspecified'
            ) AS currency,
            standing.balance,
            reporting_internal.at_consideration(standing.balance, purchase.price, purchase.face_value)
                AS balance_at_consideration
        FROM standing
        JOIN reporting_internal.certificate_digest AS certificate
            ON certificate.certificate_id = standing.certificate_id AND certificate.livemode = {livemode}
        LEFT JOIN purchase ON purchase.certificate_id = standing.certificate_id
        LEFT JOIN giftcert.definition
            ON definition.definition_id = certificate.definition_id AND definition.livemode = {livemode}
        LEFT JOIN giftcert.account_currency ON account_currency.account_id = certificate.account_id
    )

    SELECT
        account_id,
        currency,
        (sum(balance) * 0.00001)::numeric(20, 5),
        (sum(balance_at_consideration) * 0.00001)::numeric(20, 5),
        count(*) FILTER (WHERE balance <> 0)
    FROM state
    GROUP BY account_id, currency
$$;

COMMENT ON FUNCTION {schema}.liability_as_of(timestamptz, timestamptz) IS
'Grain: one row an account and currency.
Reader: auditors and finance: what was outstanding on 31 March, and what did we believe on 5 April that it was?
Definition: as_of is an instant: each certificate counts with its last event up to then. known_at leaves out what arrived later; without it everything known now counts. Definitions and settings are those of today.';
