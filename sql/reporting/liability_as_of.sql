-- A function, because both of its times select what is read.
CREATE OR REPLACE FUNCTION {schema}.liability_as_of(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    account_id text,
    currency text,
    outstanding numeric(20, 5),
    outstanding_at_consideration numeric(20, 5),
    certificates bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '1GB'
SET jit = off
AS $$
    -- Certificates of which something that had happened was not known yet; none, where no time is given.
    WITH late AS MATERIALIZED (
        SELECT DISTINCT certificate_id
        FROM giftcert.certificate_history
        WHERE coalesce(known_at, 'infinity') < 'infinity'
            AND livemode = {livemode}
            AND occurred_at <= as_of
            AND received_at > coalesce(known_at, 'infinity')
    ),

    -- Of these, and of those that have moved since, the last event up to then counts.
    unsettled AS MATERIALIZED (
        SELECT
            digest.certificate_id,
            digest.began_at,
            late.certificate_id IS NOT NULL AS is_late
        FROM reporting_internal.certificate_digest AS digest
        LEFT JOIN late USING (certificate_id)
        WHERE digest.livemode = {livemode}
            AND digest.began_at <= as_of
            AND (digest.updated_at > as_of OR late.certificate_id IS NOT NULL)
    ),

    -- The purchase of each as it was known then, the first created event; without it what is dated before counts.
    purchase AS MATERIALIZED (
        SELECT DISTINCT ON (certificate_id)
            certificate_id,
            occurred_at,
            CASE WHEN deleted THEN 0 ELSE balance END AS balance
        FROM giftcert.certificate_history
        WHERE livemode = {livemode}
            AND kind = 'created'
            AND received_at <= coalesce(known_at, 'infinity')
            AND certificate_id IN (SELECT certificate_id FROM unsettled)
        ORDER BY certificate_id, occurred_at, emitted_at, coalesce(transactions_paid, -1), event_id
    ),

    last_change AS MATERIALIZED (
        SELECT DISTINCT ON (certificate_id)
            certificate_id,
            CASE WHEN deleted THEN 0 ELSE balance END AS balance
        FROM giftcert.certificate_history
        WHERE livemode = {livemode}
            AND kind <> 'created'
            AND occurred_at BETWEEN (SELECT min(began_at) FROM unsettled) AND as_of
            AND received_at <= coalesce(known_at, 'infinity')
            AND certificate_id IN (SELECT certificate_id FROM unsettled)
        ORDER BY
            certificate_id,
            occurred_at DESC, emitted_at DESC, kind DESC, coalesce(transactions_paid, -1) DESC, event_id DESC
    ),

    -- Nothing is paid with before it is there.
    last_event AS (
        SELECT certificate_id, coalesce(last_change.balance, purchase.balance) AS balance
        FROM purchase
        FULL JOIN last_change USING (certificate_id)
        WHERE purchase.occurred_at <= as_of OR purchase.occurred_at IS NULL
    ),

    -- All others stand where they stand now.
    standing AS MATERIALIZED (
        SELECT
            digest.certificate_id,
            digest.account_id,
            digest.definition_id,
            CASE
                WHEN last_event.certificate_id IS NOT NULL THEN last_event.balance
                WHEN NOT digest.deleted THEN digest.balance
                ELSE 0
            END AS balance,
            digest.face_value,
            digest.price,
            digest.station_currency_code,
            digest.display_currency_code,
            coalesce(known_at, 'infinity') < 'infinity' AND (unsettled.is_late OR digest.purchased_at > as_of) IS TRUE
                AS is_purchase_in_doubt
        FROM reporting_internal.certificate_digest AS digest
        LEFT JOIN unsettled USING (certificate_id)
        LEFT JOIN last_event USING (certificate_id)
        WHERE digest.livemode = {livemode}
            AND digest.began_at <= as_of
            AND (unsettled.certificate_id IS NULL OR last_event.certificate_id IS NOT NULL)
    ),

    -- Where the purchase was not known then, another created event may have been.
    known AS (
        SELECT
            certificate_id,
            account_id,
            definition_id,
            balance,
            face_value,
            price,
            station_currency_code,
            display_currency_code
        FROM standing
        WHERE NOT is_purchase_in_doubt

        UNION ALL

        SELECT
            standing.certificate_id,
            standing.account_id,
            standing.definition_id,
            standing.balance,
            created.balance,
            created.price,
            created.station_currency_code,
            created.display_currency_code
        FROM standing
        LEFT JOIN LATERAL (
            SELECT history.balance, history.price, history.station_currency_code, history.display_currency_code
            FROM giftcert.certificate_history AS history
            WHERE history.certificate_id = standing.certificate_id
                AND history.livemode = {livemode}
                AND history.kind = 'created'
                AND history.received_at <= coalesce(known_at, 'infinity')
            ORDER BY
                history.occurred_at, history.emitted_at, coalesce(history.transactions_paid, -1), history.event_id
            LIMIT 1
        ) AS created ON true
        WHERE standing.is_purchase_in_doubt
    ),

    -- The rules of certificate_state, with what was known then. Of definitions and settings only the present is known.
    state AS (
        SELECT
            known.account_id,
            coalesce(
                CASE
                    WHEN known.face_value IS NOT NULL THEN reporting_internal.currency_of(
                        definition.currency_code,
                        known.station_currency_code,
                        account_currency.currency_code,
                        known.display_currency_code
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
                    WHERE history.certificate_id = known.certificate_id
                        AND history.livemode = {livemode}
                        AND history.received_at <= coalesce(known_at, 'infinity')
                        AND named.currency IS NOT NULL
                    ORDER BY
                        history.kind <> 'created', history.occurred_at, history.emitted_at, history.kind,
                        coalesce(history.transactions_paid, -1), history.event_id
                    LIMIT 1
                ),
                'unspecified'
            ) AS currency,
            known.balance,
            reporting_internal.at_consideration(known.balance, known.price, known.face_value)
                AS balance_at_consideration
        FROM known
        LEFT JOIN giftcert.definition
            ON definition.definition_id = known.definition_id AND definition.livemode = {livemode}
        LEFT JOIN giftcert.account_currency ON account_currency.account_id = known.account_id
        -- A fence, as in liability_current.
        OFFSET 0
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
Definition: as_of is an instant: each certificate counts with its last event up to then. known_at leaves out what arrived later; without it, or where it is NULL, everything known now counts. Definitions and settings are those of today.';
