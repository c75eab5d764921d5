-- Certificates that can change.
CREATE FUNCTION pg_temp.fill(certificates integer) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO giftcert.certificate (
        certificate_id, livemode, occurred_at, emitted_at, kind, event_id, balance, price, face_value, purchase_price,
        deleted, time_zone, account_id, definition_id, currency, station_id, station_name, began_at, effective_at,
        posting_day, consideration, has_been_deleted, events
    )
    SELECT
        lpad(to_hex(n), 24, '0'), true, now(), now(), 'created', md5(n::text)::uuid::text, 5000000, 5000000, 5000000,
        5000000, false, 'America/Mexico_City', '5b10f00d2c1a4e0001000013', '5b10f00d2c1a4e0000000011', 'MXN',
        '5b10f00d2c1a4e0001000121', 'México Central del Norte', now(), now(), current_date, 5000000, false, 1
    FROM generate_series(1, certificates) AS n;
$$;
