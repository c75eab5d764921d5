-- Books that have seen years: certificates, each with its events, their attempts and their lines. The indexes are made
-- when the rows are there, which takes a third of the time.
CREATE FUNCTION pg_temp.fill(certificates integer, events integer, data text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE certificate_history DROP CONSTRAINT certificate_history_pkey;
    ALTER TABLE certificate_history DROP CONSTRAINT certificate_history_attempt;
    ALTER TABLE certificate DROP CONSTRAINT certificate_pkey;
    ALTER TABLE certificate_document DROP CONSTRAINT certificate_document_pkey;
    DROP INDEX journal_certificate;

    CREATE TEMPORARY TABLE event AS
    SELECT
        n,
        n / certificates AS k,
        lpad(to_hex(1600000000 + n % certificates * 60), 8, '0') || substr(md5((n % certificates)::text), 1, 16) AS id,
        md5('event' || n)::uuid::text AS event_id,
        md5('attempt' || n)::uuid::text AS attempt_id,
        5000000 - n / certificates * 100000 AS balance,
        timestamptz '2020-09-13' + n % certificates * interval '1 minute' + n / certificates * interval '1 day' AS at,
        (
            (timestamptz '2020-09-13' + n % certificates * interval '1 minute' + n / certificates * interval '1 day')
            AT TIME ZONE 'America/Mexico_City'
        )::date AS day
    FROM generate_series(0, events - 1) AS n;

    INSERT INTO certificate_history (
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, kind,
        balance, price, total, transactions_paid, deleted, status, transaction_id, account_id, definition_id,
        user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
        station_currency_code, display_currency_code,
        attempt_id, attempt_key, attempt_received_at, applied_at,
        kafka_topic, kafka_partition, kafka_offset, outcome
    )
    SELECT
        id, true, event_id, at, at, at, CASE k WHEN 0 THEN 'created' ELSE 'updated' END::event_kind,
        balance, 5000000, 5650000, k, false, 'paid', id, '5b10f00d2c1a4e0001000013', '5b10f00d2c1a4e0000000011',
        '5b10f00d2c1a4e0001000332', '5b10f00d2c1a4e0001000221',
        id, '5b10f00d2c1a4e0001000121', 'México Central del Norte', 'America/Mexico_City', 'MXN', 'MXN',
        attempt_id, substr(sha256(convert_to('t' || attempt_id, 'UTF8')), 1, 16), at, at,
        'giftcert.certificates', n % 6, n / 6, 'applied'
    FROM event;

    INSERT INTO journal (
        booked_at, effective_at, change, change_at_consideration, balance, local_day, posting_day, period, movement,
        entry, livemode, is_inferred, certificate_id, event_id, caused_by, account_id, definition_id, currency,
        issuing_station_id, station_id
    )
    SELECT
        at, at, CASE k WHEN 0 THEN balance ELSE -100000 END, CASE k WHEN 0 THEN balance ELSE -100000 END, balance,
        day, day, date_trunc('month', day::timestamp)::date, CASE k WHEN 0 THEN 'issued' ELSE 'redeemed' END::movement,
        1, true, false, id, event_id, event_id, '5b10f00d2c1a4e0001000013', '5b10f00d2c1a4e0000000011', 'MXN',
        '5b10f00d2c1a4e0001000121', '5b10f00d2c1a4e0001000121'
    FROM event
    ORDER BY n;

    INSERT INTO certificate (
        certificate_id, livemode, event_id, occurred_at, emitted_at, kind,
        balance, price, total, transactions_paid, deleted, has_been_deleted, status, transaction_id,
        customer_number, agency_id, agency_name, station_id, station_name, time_zone,
        purchase_event_id, purchased_at, purchase_day, face_value, purchase_price, purchase_total,
        purchase_transactions_paid, purchase_deleted, issuing_station_id, issuing_station_name, issuing_time_zone,
        issuing_agency_id, issuing_agency_name,
        created_at, began_at, effective_at, posting_day, consideration, events, account_id, definition_id, currency
    )
    SELECT
        newest.id, true, newest.event_id, newest.at, newest.at, CASE newest.k WHEN 0 THEN 'created' ELSE 'updated' END::event_kind,
        newest.balance, 5000000, 5650000, newest.k, false, false, 'paid', newest.id,
        newest.n::text, '5b10f00d2c1a4e0001000221', 'Viajes Ñandú',
        '5b10f00d2c1a4e0001000121', 'México Central del Norte', 'America/Mexico_City',
        first.event_id, first.at, first.day, first.balance, 5000000, 5650000,
        0, false, '5b10f00d2c1a4e0001000121', 'México Central del Norte', 'America/Mexico_City',
        '5b10f00d2c1a4e0001000221', 'Viajes Ñandú',
        first.at, first.at, newest.at, newest.day, newest.balance, newest.k + 1,
        '5b10f00d2c1a4e0001000013', '5b10f00d2c1a4e0000000011', 'MXN'
    FROM event AS newest
    JOIN event AS first ON first.n = newest.n % certificates
    WHERE newest.n >= events - certificates;

    INSERT INTO certificate_document (certificate_id, livemode, data)
    SELECT id, true, fill.data FROM event WHERE k = 0;

    ALTER TABLE certificate_history
        ADD CONSTRAINT certificate_history_pkey PRIMARY KEY (certificate_id, livemode, event_id);
    ALTER TABLE certificate_history ADD CONSTRAINT certificate_history_attempt UNIQUE (attempt_key);
    ALTER TABLE certificate ADD CONSTRAINT certificate_pkey PRIMARY KEY (certificate_id, livemode);
    ALTER TABLE certificate_document ADD CONSTRAINT certificate_document_pkey PRIMARY KEY (certificate_id, livemode);
    CREATE INDEX journal_certificate ON journal USING hash (certificate_id);
END
$$;
