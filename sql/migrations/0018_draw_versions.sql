-- migrate:up

-- A version is drawn and never chosen: a writer names none when a row comes, may not lower it, and may not set the sequence.
ALTER TABLE giftcert.balance_outbox
    ADD COLUMN traceparent text COLLATE "C",
    ALTER COLUMN version SET DEFAULT nextval('giftcert.balance_version');
COMMENT ON COLUMN giftcert.balance_outbox.version IS
    'Rises with each change of the certificate: drawn while its row is locked.';
COMMENT ON COLUMN giftcert.balance_outbox.traceparent IS
    'W3C trace context of the event that changed it last; NULL where there is none.';
COMMENT ON SEQUENCE giftcert.balance_version IS 'The versions of balances.';

CREATE FUNCTION giftcert.refuse_lower_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The version of a balance only rises: % is not above %', NEW.version, OLD.version
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
ALTER FUNCTION giftcert.refuse_lower_version() OWNER TO giftledger_owner;

-- Behind the update and with a condition: where all is well it costs one comparison.
CREATE TRIGGER version_only_rises AFTER UPDATE ON giftcert.balance_outbox
FOR EACH ROW WHEN (NEW.version <= OLD.version) EXECUTE FUNCTION giftcert.refuse_lower_version();

CREATE FUNCTION giftcert.raise_balance_version(at_least bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF at_least > 9007199254740991 THEN
        RAISE EXCEPTION 'No version of ours is as high as %', at_least USING ERRCODE = 'numeric_value_out_of_range';
    END IF;
    -- Changes nothing but that nobody draws until the end: a number drawn between look and setval would be drawn again.
    ALTER SEQUENCE giftcert.balance_version CACHE 1;
    PERFORM setval('giftcert.balance_version', at_least)
    FROM giftcert.balance_version
    WHERE last_value < at_least;
END $$;
ALTER FUNCTION giftcert.raise_balance_version(bigint) OWNER TO giftledger_owner;
COMMENT ON FUNCTION giftcert.raise_balance_version(bigint) IS
    'Has later versions be above a number: of a database that was restored to a time before what is in the topics.';
REVOKE ALL ON FUNCTION giftcert.raise_balance_version(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION giftcert.raise_balance_version(bigint) TO giftledger_writer;

REVOKE INSERT, UPDATE ON giftcert.balance_outbox FROM giftledger_writer;
GRANT
    INSERT (certificate_id, livemode, changed_at, traceparent),
    UPDATE (version, changed_at, traceparent)
    ON giftcert.balance_outbox TO giftledger_writer;
REVOKE UPDATE ON SEQUENCE giftcert.balance_version FROM giftledger_writer;

-- migrate:down

GRANT UPDATE ON SEQUENCE giftcert.balance_version TO giftledger_writer;
REVOKE INSERT (certificate_id, livemode, changed_at, traceparent), UPDATE (version, changed_at, traceparent)
    ON giftcert.balance_outbox FROM giftledger_writer;
GRANT INSERT, UPDATE ON giftcert.balance_outbox TO giftledger_writer;
DROP FUNCTION giftcert.raise_balance_version(bigint);
DROP TRIGGER version_only_rises ON giftcert.balance_outbox;
DROP FUNCTION giftcert.refuse_lower_version();
ALTER TABLE giftcert.balance_outbox
    ALTER COLUMN version DROP DEFAULT,
    DROP COLUMN traceparent;
COMMENT ON COLUMN giftcert.balance_outbox.version IS
    'Rises with each change of the certificate: drawn while its row is locked. Two certificates may have the same.';
COMMENT ON SEQUENCE giftcert.balance_version IS 'The versions of balances: one number a transaction.';
