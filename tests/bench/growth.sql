-- A ledger that has seen years: certificates, each with its events, and an attempt of each event. The indexes are
-- made when the rows are there, which takes a third of the time.
CREATE FUNCTION pg_temp.fill(certificates integer, attempts integer, data jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE webhook_attempt DROP CONSTRAINT webhook_attempt_pkey;
    ALTER TABLE certificate_history DROP CONSTRAINT certificate_history_pkey;
    ALTER TABLE certificate DROP CONSTRAINT certificate_pkey;

    CREATE TEMPORARY TABLE event AS
    SELECT
        n,
        n / certificates AS k,
        lpad(to_hex(1600000000 + n % certificates * 60), 8, '0') || substr(md5((n % certificates)::text), 1, 16) AS id,
        timestamptz '2020-09-13' + n % certificates * interval '1 minute' + n / certificates * interval '1 day' AS at
    FROM generate_series(0, attempts - 1) AS n;

    INSERT INTO webhook_attempt (
        attempt_id, livemode, event_id, entity_id, event, emitted_at, received_at, applied_at,
        kafka_offset, kafka_partition, outcome, topic
    )
    SELECT
        md5('attempt' || n)::uuid::text, true, md5('event' || n)::uuid::text, id,
        CASE k WHEN 0 THEN 'giftcertificate.created' ELSE 'giftcertificate.updated' END, at, at, at,
        n / 6, n % 6, 'applied', 'giftcert.certificates'
    FROM event;

    INSERT INTO certificate_history (
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, kind,
        balance, price, total, transactions_paid, deleted, status, transaction_id,
        user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
        station_currency_code, display_currency_code
    )
    SELECT
        id, true, md5('event' || n)::uuid::text, at, at, at,
        CASE k WHEN 0 THEN 'created' ELSE 'updated' END::event_kind,
        5000000 - k * 100000, 5000000, 5650000, k, false, 'paid', id, '5b10f00d2c1a4e0001000332', '5b10f00d2c1a4e0001000221',
        id, '5b10f00d2c1a4e0001000121', 'México Central del Norte', 'America/Mexico_City', 'MXN', 'MXN'
    FROM event;

    INSERT INTO certificate (
        certificate_id, livemode, event_id, occurred_at, emitted_at, kind,
        balance, price, total, transactions_paid, deleted, status, transaction_id, user_id, agency_id, shift_id,
        station_id, station_name, station_time_zone, station_currency_code, display_currency_code,
        created_at, definition_id, account_id, customer_number, agency_name, data
    )
    SELECT
        id, true, md5('event' || n)::uuid::text, at, at, 'updated',
        5000000 - k * 100000, 5000000, 5650000, k, false, 'paid', id, '5b10f00d2c1a4e0001000332', '5b10f00d2c1a4e0001000221',
        id, '5b10f00d2c1a4e0001000121', 'México Central del Norte', 'America/Mexico_City', 'MXN', 'MXN',
        at, '5b10f00d2c1a4e0000000011', '5b10f00d2c1a4e0001000013', n::text, 'Viajes Ñandú', fill.data
    FROM event
    WHERE n >= attempts - certificates;

    ALTER TABLE webhook_attempt ADD CONSTRAINT webhook_attempt_pkey PRIMARY KEY (attempt_id, livemode);
    ALTER TABLE certificate_history
        ADD CONSTRAINT certificate_history_pkey PRIMARY KEY (certificate_id, livemode, event_id);
    ALTER TABLE certificate ADD CONSTRAINT certificate_pkey PRIMARY KEY (certificate_id, livemode);
END
$$;
