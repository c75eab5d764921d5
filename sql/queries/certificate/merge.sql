-- The newest event of each certificate becomes the current state, unless the table holds a newer one; of several
-- created events the first stays. Sorted, as all that is written, so that two workers that write the same rows do so in
-- the same order and do not deadlock.
INSERT INTO certificate AS known (
    certificate_id, livemode, occurred_at, emitted_at, kind, event_id,
    balance, price, total, transactions_paid, deleted, status, transaction_id,
    user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
    station_currency_code, display_currency_code,
    created_at, definition_id, account_id, customer_number, agency_name, data
)
SELECT
    certificate_id, livemode, occurred_at, emitted_at, kind, event_id,
    balance, price, total, transactions_paid, deleted, status, transaction_id,
    user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
    station_currency_code, display_currency_code,
    created_at, definition_id, account_id, customer_number, agency_name, data
FROM incoming_certificate
WHERE data IS NOT NULL
ORDER BY certificate_id, livemode
ON CONFLICT (certificate_id, livemode) DO UPDATE SET
    (
        occurred_at, emitted_at, kind, event_id,
        balance, price, total, transactions_paid, deleted, status, transaction_id,
        user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
        station_currency_code, display_currency_code,
        created_at, definition_id, account_id, customer_number, agency_name, data
    ) = (
        EXCLUDED.occurred_at, EXCLUDED.emitted_at, EXCLUDED.kind, EXCLUDED.event_id,
        EXCLUDED.balance, EXCLUDED.price, EXCLUDED.total, EXCLUDED.transactions_paid, EXCLUDED.deleted,
        EXCLUDED.status, EXCLUDED.transaction_id,
        EXCLUDED.user_id, EXCLUDED.agency_id, EXCLUDED.shift_id, EXCLUDED.station_id, EXCLUDED.station_name,
        EXCLUDED.station_time_zone, EXCLUDED.station_currency_code, EXCLUDED.display_currency_code,
        EXCLUDED.created_at, EXCLUDED.definition_id, EXCLUDED.account_id, EXCLUDED.customer_number,
        EXCLUDED.agency_name, EXCLUDED.data
    )
WHERE CASE
    WHEN EXCLUDED.kind = 'created' AND known.kind = 'created' THEN
        (EXCLUDED.occurred_at, EXCLUDED.emitted_at, coalesce(EXCLUDED.transactions_paid, -1), EXCLUDED.event_id)
        < (known.occurred_at, known.emitted_at, coalesce(known.transactions_paid, -1), known.event_id)
    ELSE
        (
            EXCLUDED.kind <> 'created', EXCLUDED.occurred_at, EXCLUDED.emitted_at, EXCLUDED.kind,
            coalesce(EXCLUDED.transactions_paid, -1), EXCLUDED.event_id
        ) > (
            known.kind <> 'created', known.occurred_at, known.emitted_at, known.kind,
            coalesce(known.transactions_paid, -1), known.event_id
        )
END;

-- The events of a batch enter the history.
INSERT INTO certificate_history (
    certificate_id, livemode, event_id, occurred_at, emitted_at, kind,
    balance, price, total, transactions_paid, deleted, status, transaction_id,
    user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
    station_currency_code, display_currency_code, received_at, doubts
)
SELECT
    certificate_id, livemode, event_id, occurred_at, emitted_at, kind,
    balance, price, total, transactions_paid, deleted, status, transaction_id,
    user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
    station_currency_code, display_currency_code, received_at, doubts
FROM incoming_certificate
ORDER BY certificate_id, livemode, event_id
