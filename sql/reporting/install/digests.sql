-- The digest of each certificate follows its tables, in the transaction that writes there. The worker writes a
-- certificate before its events: a new one brings its digest whole, and the events change it only where they say more.
-- In order, as the worker writes: so that two that write the same certificates wait and do not deadlock. By key,
-- whatever the plan knows of the tables.
CREATE OR REPLACE FUNCTION reporting_internal.digest_certificates() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
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
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE reporting_internal.certificate_digest AS known SET
            (updated_at, created_at, balance, deleted, account_id, definition_id, customer_number) = (
                -- Nothing is paid with before it is there.
                greatest(newest.occurred_at, known.purchased_at),
                newest.created_at, newest.balance, newest.deleted,
                newest.account_id, newest.definition_id, newest.customer_number
            )
        FROM (
            SELECT
                certificate_id, livemode, occurred_at, created_at, balance, deleted, account_id, definition_id,
                customer_number
            FROM written
            ORDER BY certificate_id, livemode
        ) AS newest
        WHERE known.certificate_id = newest.certificate_id AND known.livemode = newest.livemode;
        RETURN NULL;
    END IF;

    INSERT INTO reporting_internal.certificate_digest (
        certificate_id, livemode, updated_at, created_at, balance, deleted, account_id, definition_id, customer_number,
        began_at, purchase_event_id, purchased_at, purchase_emitted_at, purchase_transactions_paid,
        face_value, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    )
    SELECT
        written.certificate_id, written.livemode, written.occurred_at, written.created_at, written.balance,
        written.deleted, written.account_id, written.definition_id, written.customer_number,
        written.occurred_at, purchase.event_id, purchase.occurred_at, purchase.emitted_at,
        purchase.transactions_paid, purchase.balance, purchase.price, purchase.total, purchase.agency_id, purchase.station_id, purchase.station_name,
        purchase.station_time_zone, purchase.station_currency_code, purchase.display_currency_code
    FROM written
    LEFT JOIN LATERAL (SELECT written.* WHERE written.kind = 'created') AS purchase ON true
    ORDER BY written.certificate_id, written.livemode;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION reporting_internal.digest_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
BEGIN
    -- Mostly the digests say it all.
    PERFORM
    FROM written
    JOIN reporting_internal.certificate_digest AS known USING (certificate_id, livemode)
    WHERE written.occurred_at < known.began_at
        OR written.kind = 'created' AND written.event_id IS DISTINCT FROM known.purchase_event_id
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    UPDATE reporting_internal.certificate_digest AS known SET
        began_at = least(known.began_at, first.occurred_at),
        updated_at = greatest(newest.occurred_at, first.occurred_at),
        (
            purchase_event_id, purchased_at, purchase_emitted_at, purchase_transactions_paid, face_value, price, total,
            agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
        ) = (
            first.event_id, first.occurred_at, first.emitted_at, first.transactions_paid,
            first.balance, first.price, first.total,
            first.agency_id, first.station_id, first.station_name, first.station_time_zone,
            first.station_currency_code, first.display_currency_code
        )
    FROM (
        SELECT DISTINCT ON (certificate_id, livemode) *
        FROM written
        WHERE kind = 'created'
        ORDER BY certificate_id, livemode, occurred_at, emitted_at, coalesce(transactions_paid, -1), event_id
    ) AS first
    JOIN giftcert.certificate AS newest USING (certificate_id, livemode)
    WHERE known.certificate_id = first.certificate_id
        AND known.livemode = first.livemode
        AND (
            known.purchase_event_id IS NULL
            OR (first.occurred_at, first.emitted_at, coalesce(first.transactions_paid, -1), first.event_id)
                < (
                    known.purchased_at, known.purchase_emitted_at, coalesce(known.purchase_transactions_paid, -1),
                    known.purchase_event_id
                )
        );

    UPDATE reporting_internal.certificate_digest AS known SET began_at = first.occurred_at
    FROM (
        SELECT certificate_id, livemode, min(occurred_at) AS occurred_at
        FROM written
        GROUP BY certificate_id, livemode
        ORDER BY certificate_id, livemode
    ) AS first
    WHERE known.certificate_id = first.certificate_id
        AND known.livemode = first.livemode
        AND first.occurred_at < known.began_at;
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
        FOR EACH STATEMENT EXECUTE FUNCTION reporting_internal.digest_events();
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
        began_at, purchase_event_id, purchased_at, purchase_emitted_at, purchase_transactions_paid,
        face_value, price, total,
        agency_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    )
    SELECT
        certificate_id, livemode, greatest(certificate.occurred_at, purchase.occurred_at), certificate.created_at, certificate.balance,
        certificate.deleted, certificate.account_id, certificate.definition_id, certificate.customer_number,
        coalesce(history.began_at, certificate.occurred_at),
        purchase.event_id, purchase.occurred_at, purchase.emitted_at, purchase.transactions_paid,
        purchase.balance, purchase.price, purchase.total, purchase.agency_id, purchase.station_id, purchase.station_name,
        purchase.station_time_zone, purchase.station_currency_code, purchase.display_currency_code
    FROM giftcert.certificate
    LEFT JOIN (
        SELECT certificate_id, livemode, min(occurred_at) AS began_at
        FROM giftcert.certificate_history
        GROUP BY certificate_id, livemode
    ) AS history USING (certificate_id, livemode)
    LEFT JOIN (
        SELECT DISTINCT ON (certificate_id, livemode) *
        FROM giftcert.certificate_history
        WHERE kind = 'created'
        ORDER BY certificate_id, livemode, occurred_at, emitted_at, coalesce(transactions_paid, -1), event_id
    ) AS purchase USING (certificate_id, livemode)
    ORDER BY certificate_id, livemode;
END
$$;
