-- What a transaction writes of certificates, in one statement: whole rows ($1), and next states of those that only went on
-- ($2), both in the order of their keys, so that two workers that write the same rows do not deadlock; events ($3), lines ($4)
-- and what is settled ($5); and that the certificates' balances are to be published, if they changed at $6. Gives how many
-- certificates were updated: only those that are still as they were read, for whoever booked meanwhile moved the row's version.
WITH whole AS (
    SELECT *
    FROM unnest($1::incoming_certificate[])
),

next AS (
    SELECT *
    FROM unnest($2::next_state[])
),

created AS (
    -- One that another worker made meanwhile is a conflict, never a silent update.
    INSERT INTO certificate (
        certificate_id, livemode, occurred_at, emitted_at, kind, event_id, balance, price, total,
        transactions_paid, deleted, status, transaction_id, agency_id, station_id, station_name, time_zone,
        created_at, customer_number, agency_name, purchase_event_id, purchased_at, purchase_day, face_value,
        purchase_price, purchase_total, purchase_transactions_paid, purchase_deleted, issuing_station_id,
        issuing_station_name, issuing_time_zone, issuing_agency_id, issuing_agency_name, account_id,
        definition_id, currency, first_seen, began_at, effective_at, posting_day, consideration,
        has_been_deleted, events
    )
    SELECT
        certificate_id, livemode, occurred_at, emitted_at, kind, event_id, balance, price, total,
        transactions_paid, deleted, status, transaction_id, agency_id, station_id, station_name, time_zone,
        created_at, customer_number, agency_name, purchase_event_id, purchased_at, purchase_day, face_value,
        purchase_price, purchase_total, purchase_transactions_paid, purchase_deleted, issuing_station_id,
        issuing_station_name, issuing_time_zone, issuing_agency_id, issuing_agency_name, account_id,
        definition_id, currency, first_seen, began_at, effective_at, posting_day, consideration,
        has_been_deleted, events
    FROM whole
    WHERE seen IS NULL
    RETURNING true
),

-- The newest event's data, as it came.
documented AS (
    INSERT INTO certificate_document AS known (certificate_id, livemode, data)
    SELECT certificate_id, livemode, data
    FROM (
        SELECT certificate_id, livemode, data
        FROM whole
        WHERE data IS NOT NULL
        UNION ALL
        SELECT certificate_id, livemode, data
        FROM next
    ) AS newest
    ON CONFLICT (certificate_id, livemode) DO UPDATE SET data = EXCLUDED.data
),

went_on AS (
    UPDATE certificate AS known SET
        (
            occurred_at, emitted_at, kind, event_id, balance, price, total, transactions_paid, deleted,
            status, transaction_id, agency_id, station_id, station_name, time_zone, created_at,
            customer_number, agency_name, effective_at, posting_day, consideration, has_been_deleted, events
        ) = (
            next.occurred_at, next.emitted_at, next.kind, next.event_id, next.balance, next.price, next.total,
            next.transactions_paid, next.deleted, next.status, next.transaction_id, next.agency_id,
            next.station_id, next.station_name, next.time_zone, next.created_at, next.customer_number,
            next.agency_name, next.effective_at, next.posting_day, next.consideration, next.has_been_deleted,
            next.events
        )
    FROM next
    WHERE known.certificate_id = next.certificate_id
        AND known.livemode = next.livemode
        AND known.xmin = next.seen
    RETURNING true
),

-- Those whose past or purchase is another one now.
changed AS (
    UPDATE certificate AS known SET
        (
            account_id, definition_id, currency, first_seen, began_at, effective_at, posting_day,
            consideration, has_been_deleted, events
        ) = (
            incoming.account_id, incoming.definition_id, incoming.currency, incoming.first_seen,
            incoming.began_at, incoming.effective_at, incoming.posting_day, incoming.consideration,
            incoming.has_been_deleted, incoming.events
        ),
        occurred_at = CASE WHEN incoming.is_state THEN incoming.occurred_at ELSE known.occurred_at END,
        emitted_at = CASE WHEN incoming.is_state THEN incoming.emitted_at ELSE known.emitted_at END,
        kind = CASE WHEN incoming.is_state THEN incoming.kind ELSE known.kind END,
        event_id = CASE WHEN incoming.is_state THEN incoming.event_id ELSE known.event_id END,
        balance = CASE WHEN incoming.is_state THEN incoming.balance ELSE known.balance END,
        price = CASE WHEN incoming.is_state THEN incoming.price ELSE known.price END,
        total = CASE WHEN incoming.is_state THEN incoming.total ELSE known.total END,
        transactions_paid = CASE WHEN incoming.is_state THEN incoming.transactions_paid ELSE known.transactions_paid END,
        deleted = CASE WHEN incoming.is_state THEN incoming.deleted ELSE known.deleted END,
        status = CASE WHEN incoming.is_state THEN incoming.status ELSE known.status END,
        transaction_id = CASE WHEN incoming.is_state THEN incoming.transaction_id ELSE known.transaction_id END,
        agency_id = CASE WHEN incoming.is_state THEN incoming.agency_id ELSE known.agency_id END,
        station_id = CASE WHEN incoming.is_state THEN incoming.station_id ELSE known.station_id END,
        station_name = CASE WHEN incoming.is_state THEN incoming.station_name ELSE known.station_name END,
        time_zone = CASE WHEN incoming.is_state THEN incoming.time_zone ELSE known.time_zone END,
        created_at = CASE WHEN incoming.is_state THEN incoming.created_at ELSE known.created_at END,
        customer_number = CASE WHEN incoming.is_state THEN incoming.customer_number ELSE known.customer_number END,
        agency_name = CASE WHEN incoming.is_state THEN incoming.agency_name ELSE known.agency_name END,
        purchase_event_id = CASE WHEN incoming.is_purchase THEN incoming.purchase_event_id ELSE known.purchase_event_id END,
        purchased_at = CASE WHEN incoming.is_purchase THEN incoming.purchased_at ELSE known.purchased_at END,
        purchase_day = CASE WHEN incoming.is_purchase THEN incoming.purchase_day ELSE known.purchase_day END,
        face_value = CASE WHEN incoming.is_purchase THEN incoming.face_value ELSE known.face_value END,
        purchase_price = CASE WHEN incoming.is_purchase THEN incoming.purchase_price ELSE known.purchase_price END,
        purchase_total = CASE WHEN incoming.is_purchase THEN incoming.purchase_total ELSE known.purchase_total END,
        purchase_transactions_paid = CASE WHEN incoming.is_purchase THEN incoming.purchase_transactions_paid ELSE known.purchase_transactions_paid END,
        purchase_deleted = CASE WHEN incoming.is_purchase THEN incoming.purchase_deleted ELSE known.purchase_deleted END,
        issuing_station_id = CASE WHEN incoming.is_purchase THEN incoming.issuing_station_id ELSE known.issuing_station_id END,
        issuing_station_name = CASE WHEN incoming.is_purchase THEN incoming.issuing_station_name ELSE known.issuing_station_name END,
        issuing_time_zone = CASE WHEN incoming.is_purchase THEN incoming.issuing_time_zone ELSE known.issuing_time_zone END,
        issuing_agency_id = CASE WHEN incoming.is_purchase THEN incoming.issuing_agency_id ELSE known.issuing_agency_id END,
        issuing_agency_name = CASE WHEN incoming.is_purchase THEN incoming.issuing_agency_name ELSE known.issuing_agency_name END
    FROM (
        SELECT *
        FROM whole
        WHERE seen IS NOT NULL
    ) AS incoming
    WHERE known.certificate_id = incoming.certificate_id
        AND known.livemode = incoming.livemode
        AND known.xmin = incoming.seen
    RETURNING true
),

entered AS (
    INSERT INTO certificate_history (
        certificate_id, livemode, event_id, occurred_at, emitted_at, kind, balance, price, total, transactions_paid,
        deleted, status, transaction_id, agency_id, station_id, station_name, received_at, account_id, definition_id,
        user_id, shift_id, station_time_zone, station_currency_code, display_currency_code, doubts, attempt_key,
        attempt_id, attempt_received_at, applied_at, kafka_topic, kafka_partition, kafka_offset, outcome
    )
    SELECT
        certificate_id, livemode, event_id, occurred_at, emitted_at, kind, balance, price, total, transactions_paid,
        deleted, status, transaction_id, agency_id, station_id, station_name, received_at, account_id, definition_id,
        user_id, shift_id, station_time_zone, station_currency_code, display_currency_code, doubts, attempt_key,
        attempt_id, attempt_received_at, applied_at, kafka_topic, kafka_partition, kafka_offset, outcome
    FROM unnest($3::incoming_event[])
),

booked AS (
    INSERT INTO giftcert.journal (
        booked_at, period, entry, livemode, certificate_id, caused_by, event_id, movement, is_inferred, change,
        change_at_consideration, balance, effective_at, local_day, posting_day, purchase_day, account_id, definition_id,
        currency, issuing_station_id, station_id
    )
    SELECT
        booked_at, period, entry, livemode, certificate_id, caused_by, event_id, movement, is_inferred, change,
        change_at_consideration, balance, effective_at, local_day, posting_day, purchase_day, account_id, definition_id,
        currency, issuing_station_id, station_id
    FROM unnest($4::incoming_line[])
),

settled AS (
    INSERT INTO giftcert.settled (
        settled_at, topic, kafka_partition, outcome, newest_emitted_at, newest_received_at, offsets
    )
    SELECT settled_at, topic, kafka_partition, outcome, newest_emitted_at, newest_received_at, offsets
    FROM unnest($5::incoming_settlement[])
),

-- Versions are drawn when the rows of their certificates are locked: of two transactions the later one draws the higher.
noted AS (
    INSERT INTO giftcert.balance_outbox AS known (certificate_id, livemode, changed_at, traceparent)
    SELECT certificate_id, livemode, $6, traceparent
    FROM (
        SELECT certificate_id, livemode, traceparent
        FROM whole
        UNION ALL
        SELECT certificate_id, livemode, traceparent
        FROM next
    ) AS written
    WHERE $6::timestamptz IS NOT NULL
    ORDER BY certificate_id, livemode
    ON CONFLICT (certificate_id, livemode) DO UPDATE SET
        version = EXCLUDED.version, changed_at = EXCLUDED.changed_at, traceparent = EXCLUDED.traceparent
)

-- What is counted is written first, and in this order, and so all rows of certificates are locked before the rest is written.
SELECT
    (SELECT count(*) FROM created) AS created,
    (SELECT count(*) FROM went_on) AS went_on,
    (SELECT count(*) FROM changed) AS changed
