-- The purchase of each certificate follows the history, in the transaction that writes there: of created events the
-- first stays, whichever comes first and from whichever worker; a resend may show that it was known earlier.
CREATE OR REPLACE FUNCTION reporting_internal.keep_purchases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO reporting_internal.certificate_purchase AS known (
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, face_value, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    )
    SELECT DISTINCT ON (certificate_id, livemode)
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, balance, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    FROM written
    WHERE kind = 'created'
    ORDER BY certificate_id, livemode, occurred_at, emitted_at, event_id
    ON CONFLICT (certificate_id, livemode) DO UPDATE SET
        (
            event_id, occurred_at, emitted_at, received_at, face_value, price, total,
            agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
        ) = (
            EXCLUDED.event_id, EXCLUDED.occurred_at, EXCLUDED.emitted_at, EXCLUDED.received_at,
            EXCLUDED.face_value, EXCLUDED.price, EXCLUDED.total,
            EXCLUDED.agency_id, EXCLUDED.station_id, EXCLUDED.station_name, EXCLUDED.station_time_zone,
            EXCLUDED.station_currency_code, EXCLUDED.display_currency_code
        )
    WHERE (EXCLUDED.occurred_at, EXCLUDED.emitted_at, EXCLUDED.event_id)
        <= (known.occurred_at, known.emitted_at, known.event_id);
    RETURN NULL;
END
$$;

-- A history without the triggers is new here, also after a rebuild: the triggers lock it and follow it from now on,
-- and what it holds already is brought over.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = 'giftcert.certificate_history'::regclass AND tgname = 'purchases_entered'
    ) THEN
        RETURN;
    END IF;

    CREATE TRIGGER purchases_entered AFTER INSERT ON giftcert.certificate_history
        REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.keep_purchases();
    CREATE TRIGGER purchases_received_earlier AFTER UPDATE ON giftcert.certificate_history
        REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.keep_purchases();

    DELETE FROM reporting_internal.certificate_purchase;
    INSERT INTO reporting_internal.certificate_purchase (
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, face_value, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    )
    SELECT DISTINCT ON (certificate_id, livemode)
        certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, balance, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    FROM giftcert.certificate_history
    WHERE kind = 'created'
    ORDER BY certificate_id, livemode, occurred_at, emitted_at, event_id;
END
$$;
