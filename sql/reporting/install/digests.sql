-- The digest of each certificate follows its tables, in the transaction that writes there: the newest event as the
-- table of certificates has it, and of created events the first, whichever comes first and from whichever worker.
-- In order, as the worker writes: so that two that write the same certificates wait and do not deadlock.
CREATE OR REPLACE FUNCTION reporting_internal.digest_certificates() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- No worker takes certificates away; whoever does shall see it in the reports.
    IF TG_OP = 'DELETE' THEN
        DELETE FROM reporting_internal.certificate_digest AS known
        USING written
        WHERE known.certificate_id = written.certificate_id AND known.livemode = written.livemode;
        RETURN NULL;
    ELSIF TG_OP = 'TRUNCATE' THEN
        DELETE FROM reporting_internal.certificate_digest;
        RETURN NULL;
    END IF;

    INSERT INTO reporting_internal.certificate_digest AS known (
        certificate_id, livemode, updated_at, created_at, balance, deleted, account_id, definition_id, customer_number
    )
    SELECT
        certificate_id, livemode, occurred_at, created_at, balance, deleted, account_id, definition_id, customer_number
    FROM written
    ORDER BY certificate_id, livemode
    ON CONFLICT (certificate_id, livemode) DO UPDATE SET
        (updated_at, created_at, balance, deleted, account_id, definition_id, customer_number) = (
            EXCLUDED.updated_at, EXCLUDED.created_at, EXCLUDED.balance, EXCLUDED.deleted,
            EXCLUDED.account_id, EXCLUDED.definition_id, EXCLUDED.customer_number
        );
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION reporting_internal.digest_purchases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO reporting_internal.certificate_digest AS known (
        certificate_id, livemode, purchase_event_id, purchased_at, purchase_emitted_at, purchase_received_at,
        face_value, price, total,
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
            purchase_event_id, purchased_at, purchase_emitted_at, purchase_received_at, face_value, price, total,
            agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
        ) = (
            EXCLUDED.purchase_event_id, EXCLUDED.purchased_at, EXCLUDED.purchase_emitted_at,
            EXCLUDED.purchase_received_at, EXCLUDED.face_value, EXCLUDED.price, EXCLUDED.total,
            EXCLUDED.agency_id, EXCLUDED.station_id, EXCLUDED.station_name, EXCLUDED.station_time_zone,
            EXCLUDED.station_currency_code, EXCLUDED.display_currency_code
        )
    -- The same event again: a resend may show that it was known earlier.
    WHERE known.purchase_event_id IS NULL
        OR (EXCLUDED.purchased_at, EXCLUDED.purchase_emitted_at, EXCLUDED.purchase_event_id)
            <= (known.purchased_at, known.purchase_emitted_at, known.purchase_event_id);
    RETURN NULL;
END
$$;

-- Tables without the triggers are new here, also after a rebuild: the triggers lock them and follow them from now on,
-- and what they hold already is brought over.
DO $$
BEGIN
    IF 2 = (
        SELECT count(*)
        FROM pg_trigger
        WHERE tgrelid IN ('giftcert.certificate'::regclass, 'giftcert.certificate_history'::regclass)
            AND tgname = 'digest_insert'
    ) THEN
        RETURN;
    END IF;

    CREATE OR REPLACE TRIGGER digest_insert AFTER INSERT ON giftcert.certificate_history REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_purchases();
    CREATE OR REPLACE TRIGGER digest_update AFTER UPDATE ON giftcert.certificate_history REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_purchases();
    CREATE OR REPLACE TRIGGER digest_insert AFTER INSERT ON giftcert.certificate REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_certificates();
    CREATE OR REPLACE TRIGGER digest_update AFTER UPDATE ON giftcert.certificate REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_certificates();
    CREATE OR REPLACE TRIGGER digest_delete AFTER DELETE ON giftcert.certificate REFERENCING OLD TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_certificates();
    CREATE OR REPLACE TRIGGER digest_truncate AFTER TRUNCATE ON giftcert.certificate
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_certificates();

    DELETE FROM reporting_internal.certificate_digest;
    INSERT INTO reporting_internal.certificate_digest (
        certificate_id, livemode, updated_at, created_at, balance, deleted, account_id, definition_id, customer_number,
        purchase_event_id, purchased_at, purchase_emitted_at, purchase_received_at, face_value, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    )
    SELECT
        certificate_id, livemode, certificate.occurred_at, certificate.created_at, certificate.balance,
        certificate.deleted, certificate.account_id, certificate.definition_id, certificate.customer_number,
        purchase.event_id, purchase.occurred_at, purchase.emitted_at, purchase.received_at, purchase.balance,
        purchase.price, purchase.total, purchase.agency_id, purchase.station_id, purchase.station_name,
        purchase.station_time_zone, purchase.station_currency_code, purchase.display_currency_code
    FROM giftcert.certificate
    LEFT JOIN (
        SELECT DISTINCT ON (certificate_id, livemode) *
        FROM giftcert.certificate_history
        WHERE kind = 'created'
        ORDER BY certificate_id, livemode, occurred_at, emitted_at, event_id
    ) AS purchase USING (certificate_id, livemode)
    ORDER BY certificate_id, livemode;
END
$$;
