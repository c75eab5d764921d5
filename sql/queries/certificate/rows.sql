-- The types of the rows that certificate/write takes: tables that never hold any, for a type cannot be made like a table.
-- In the orders of consumer.books.certificate.COLUMNS and NEXT_STATE, consumer.apply.apply.HISTORY,
-- consumer.books.journal.COLUMNS and consumer.apply.attempts.SETTLED. seen: the version of the row that was read, NULL
-- where there was none; is_state, is_purchase: whether the newest event and the purchase are among what is written.
CREATE TEMPORARY TABLE incoming_certificate AS
SELECT
    certificate_id, livemode, event_id, occurred_at, emitted_at, kind, balance, price, total, transactions_paid, deleted,
    status, transaction_id, agency_id, station_id, station_name, time_zone, created_at, customer_number, agency_name,
    purchase_event_id, purchased_at, purchase_day, face_value, purchase_price, purchase_total,
    purchase_transactions_paid, purchase_deleted, issuing_station_id, issuing_station_name, issuing_time_zone,
    issuing_agency_id, issuing_agency_name, account_id, definition_id, currency, first_seen, began_at, effective_at,
    posting_day, consideration, has_been_deleted, events, NULL::text AS data, NULL::text AS traceparent,
    xmin AS seen, false AS is_state, false AS is_purchase
FROM giftcert.certificate
WITH NO DATA;

CREATE TEMPORARY TABLE next_state AS
SELECT
    certificate_id, livemode, event_id, occurred_at, emitted_at, kind, balance, price, total, transactions_paid, deleted,
    status, transaction_id, agency_id, station_id, station_name, time_zone, created_at, customer_number, agency_name,
    effective_at, posting_day, consideration, has_been_deleted, events, data, traceparent, seen
FROM incoming_certificate
WITH NO DATA;

CREATE TEMPORARY TABLE incoming_event AS
SELECT
    certificate_id, livemode, event_id, occurred_at, emitted_at, kind, balance, price, total, transactions_paid,
    deleted, status, transaction_id, agency_id, station_id, station_name, received_at, account_id, definition_id,
    user_id, shift_id, station_time_zone, station_currency_code, display_currency_code, doubts, attempt_key,
    attempt_id, attempt_received_at, applied_at, kafka_topic, kafka_partition, kafka_offset, outcome
FROM giftcert.certificate_history
WITH NO DATA;

CREATE TEMPORARY TABLE incoming_line AS
SELECT
    booked_at, period, entry, livemode, certificate_id, caused_by, event_id, movement, is_inferred, change,
    change_at_consideration, balance, effective_at, local_day, posting_day, purchase_day, account_id, definition_id,
    currency, issuing_station_id, station_id
FROM giftcert.journal
WITH NO DATA;

CREATE TEMPORARY TABLE incoming_settlement AS
SELECT settled_at, topic, kafka_partition, outcome, newest_emitted_at, newest_received_at, offsets
FROM giftcert.settled
WITH NO DATA;
