-- migrate:up

-- Who closes months: reads the books, and writes closes and nothing else.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'giftledger_closer') THEN
        CREATE ROLE giftledger_closer NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
DO $$
BEGIN
    GRANT giftledger_reporting TO giftledger_closer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'giftledger_reporting could not be granted to giftledger_closer: it cannot prepare a close';
END
$$;

-- What was settled when a month was cut: by number, as the lines of the journal.
ALTER TABLE giftcert.settled ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;

CREATE TABLE giftcert.close_prepared (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prepared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    month date NOT NULL CHECK (month = date_trunc('month', month::timestamp)),
    account_id text COLLATE "C",
    prepared_by text NOT NULL,
    warnings text NOT NULL
);
COMMENT ON TABLE giftcert.close_prepared IS
    'Insert-only: who found nothing that blocks the close of a month and account (NULL is one). The newest counts.';
COMMENT ON COLUMN giftcert.close_prepared.warnings IS 'JSON: what was accepted, each with its rule, what was found, and why.';

CREATE TABLE giftcert.close (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prepared bigint NOT NULL REFERENCES giftcert.close_prepared,
    cut_at timestamptz NOT NULL,
    last_line bigint NOT NULL,
    last_settled bigint NOT NULL,
    month date NOT NULL CHECK (month = date_trunc('month', month::timestamp)),
    account_id text COLLATE "C",
    cut_by text NOT NULL,
    time_zone text NOT NULL,
    account_currencies text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (account_id, month)
);
COMMENT ON TABLE giftcert.close IS 'Insert-only: the months that are closed, and where the books were cut.';
COMMENT ON COLUMN giftcert.close.last_line IS 'The lines of the journal up to this id are in the close.';
COMMENT ON COLUMN giftcert.close.last_settled IS 'What was settled up to this id is in the close.';
COMMENT ON COLUMN giftcert.close.account_currencies IS 'JSON: the setting as it stood.';

CREATE TABLE giftcert.close_records (
    close_id bigint NOT NULL REFERENCES giftcert.close,
    first_offset bigint NOT NULL,
    next_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic text COLLATE "C" NOT NULL,
    passed_over int8multirange NOT NULL,
    PRIMARY KEY (close_id, topic, kafka_partition)
);
COMMENT ON TABLE giftcert.close_records IS
    'Which records of the topics are in a close: from first_offset to before next_offset, but those passed over.';

CREATE TABLE giftcert.close_rollforward (
    close_id bigint NOT NULL REFERENCES giftcert.close,
    opening numeric NOT NULL,
    issued numeric NOT NULL,
    first_seen numeric NOT NULL,
    adjusted_up numeric NOT NULL,
    redeemed numeric NOT NULL,
    adjusted_down numeric NOT NULL,
    voided numeric NOT NULL,
    closing numeric NOT NULL,
    for_earlier_months numeric NOT NULL,
    closing_at_consideration numeric NOT NULL,
    currency text COLLATE "C" NOT NULL,
    issuing_station_id text COLLATE "C",
    UNIQUE NULLS NOT DISTINCT (close_id, currency, issuing_station_id)
);
COMMENT ON TABLE giftcert.close_rollforward IS
    'The roll-forward that was signed: one row a currency and issuing station, in 1/100000. The lines whose period is the month.';

CREATE TABLE giftcert.close_certificate (
    close_id bigint NOT NULL REFERENCES giftcert.close,
    balance numeric NOT NULL,
    balance_at_consideration numeric NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    issuing_station_id text COLLATE "C",
    event_id text COLLATE "C",
    salt bytea NOT NULL,
    leaf bytea NOT NULL,
    UNIQUE NULLS NOT DISTINCT (close_id, certificate_id, currency, issuing_station_id)
);
COMMENT ON TABLE giftcert.close_certificate IS
    'What was left on each certificate at the end of a month that is closed, in 1/100000; in this order the leaves of a tree.';
COMMENT ON COLUMN giftcert.close_certificate.leaf IS 'SHA-256 of 0x00 and the row as canonical JSON, its salt included.';

CREATE TABLE giftcert.close_manifest (
    close_id bigint PRIMARY KEY REFERENCES giftcert.close,
    manifest text NOT NULL
);
COMMENT ON TABLE giftcert.close_manifest IS 'What is signed of a close, as canonical JSON (RFC 8785).';

CREATE TABLE giftcert.close_signature (
    close_id bigint NOT NULL REFERENCES giftcert.close_manifest,
    signed_at timestamptz NOT NULL,
    signed_by text NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (close_id, public_key)
);
COMMENT ON TABLE giftcert.close_signature IS 'Insert-only: who signed a close (Ed25519).';

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'close_prepared', 'close', 'close_records', 'close_rollforward', 'close_certificate', 'close_manifest',
        'close_signature'
    ] LOOP
        EXECUTE format('ALTER TABLE giftcert.%I OWNER TO giftledger_owner', relation);
        EXECUTE format('GRANT SELECT, INSERT ON giftcert.%I TO giftledger_closer', relation);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA giftcert TO giftledger_closer;
-- Everything that the books are compared with, and no personal data.
GRANT SELECT
    ON giftcert.certificate, giftcert.certificate_history, giftcert.definition, giftcert.other_attempt,
    giftcert.journal, giftcert.journal_total, giftcert.journal_totalled, giftcert.settled, giftcert.rebooking_task,
    giftcert.exception, giftcert.exception_acknowledgement, giftcert.account_currency, giftcert.reporting_setting, giftcert.schema_migration,
    giftcert.webhook_attempt
    TO giftledger_closer;
GRANT SELECT ON SEQUENCE giftcert.journal_id_seq, giftcert.settled_id_seq TO giftledger_closer;
GRANT SELECT, INSERT, UPDATE (month) ON giftcert.closed_period TO giftledger_closer;

-- migrate:down

-- The reports are made of these tables, too.
DO $$
DECLARE
    views text;
    functions text;
BEGIN
    SELECT string_agg(format('%I.%I', schemaname, viewname), ', ') INTO views
    FROM pg_views
    WHERE schemaname IN ('reporting', 'reporting_test', 'reporting_internal') AND viewowner = 'giftledger_owner';

    SELECT string_agg(oid::regprocedure::text, ', ') INTO functions
    FROM pg_proc
    WHERE pronamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace, 'reporting_internal'::regnamespace)
        AND proowner = 'giftledger_owner'::regrole;

    EXECUTE coalesce('DROP VIEW ' || views, '');
    EXECUTE coalesce('DROP FUNCTION ' || functions, '');
END
$$;
REVOKE ALL ON ALL TABLES IN SCHEMA giftcert FROM giftledger_closer;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA giftcert FROM giftledger_closer;
REVOKE USAGE ON SCHEMA giftcert FROM giftledger_closer;
DROP TABLE giftcert.close_signature, giftcert.close_manifest, giftcert.close_certificate, giftcert.close_rollforward,
    giftcert.close_records, giftcert.close, giftcert.close_prepared;
ALTER TABLE giftcert.settled DROP COLUMN id;
