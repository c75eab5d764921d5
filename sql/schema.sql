-- What the migrations give. Written by `make schema`; a test compares it with what they give now.

CREATE SCHEMA giftcert;

ALTER SCHEMA giftcert OWNER TO giftledger_owner;

CREATE SCHEMA giftcert_old;

ALTER SCHEMA giftcert_old OWNER TO giftledger_owner;

CREATE SCHEMA giftcert_shadow;

ALTER SCHEMA giftcert_shadow OWNER TO giftledger_owner;

CREATE SCHEMA reporting;

ALTER SCHEMA reporting OWNER TO giftledger_owner;

COMMENT ON SCHEMA reporting IS 'Reports of live traffic; sql/README.md is their dictionary.';

CREATE SCHEMA reporting_internal;

ALTER SCHEMA reporting_internal OWNER TO giftledger_owner;

COMMENT ON SCHEMA reporting_internal IS 'What the reports are made of; nobody reads it directly.';

CREATE SCHEMA reporting_test;

ALTER SCHEMA reporting_test OWNER TO giftledger_owner;

COMMENT ON SCHEMA reporting_test IS 'The same reports of test traffic (livemode = false).';

CREATE TYPE giftcert.attempt_outcome AS ENUM (
    'applied',
    'stale',
    'resend'
);

ALTER TYPE giftcert.attempt_outcome OWNER TO giftledger_owner;

CREATE TYPE giftcert.event_kind AS ENUM (
    'created',
    'updated',
    'deleted'
);

ALTER TYPE giftcert.event_kind OWNER TO giftledger_owner;

CREATE TYPE giftcert.movement AS ENUM (
    'issued',
    'first_seen',
    'redeemed',
    'adjusted_up',
    'adjusted_down',
    'voided'
);

ALTER TYPE giftcert.movement OWNER TO giftledger_owner;

CREATE TYPE giftcert.reconciliation_verdict AS ENUM (
    'match',
    'balance_differs',
    'missing_here',
    'missing_there',
    'in_flight',
    'unreadable'
);

ALTER TYPE giftcert.reconciliation_verdict OWNER TO giftledger_owner;

CREATE TYPE giftcert.settlement AS ENUM (
    'applied',
    'duplicate',
    'dead_lettered'
);

ALTER TYPE giftcert.settlement OWNER TO giftledger_owner;

CREATE FUNCTION giftcert.note_where_books_stand() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM giftcert.close_prepared AS prepared
        WHERE prepared.id = NEW.prepared AND prepared.month = NEW.month
            AND prepared.account_id IS NOT DISTINCT FROM NEW.account_id
    ) THEN
        RAISE EXCEPTION '% of account % cannot be closed: that is no preparation of it',
            to_char(NEW.month, 'YYYY-MM'), coalesce(NEW.account_id, '(none)') USING ERRCODE = 'check_violation';
    END IF;
    -- The closing lock, exclusively: no transaction has taken a number that it may still use, so what the sequences gave
    -- out last is the position. Its key is that of books/enter.
    PERFORM pg_advisory_xact_lock(7305718091);
    SELECT
        coalesce(NEW.cut_at, clock_timestamp()),
        coalesce(NEW.last_line, CASE WHEN line.is_called THEN line.last_value ELSE 0 END),
        coalesce(NEW.last_settled, CASE WHEN settled.is_called THEN settled.last_value ELSE 0 END),
        coalesce(NEW.time_zone, setting.time_zone),
        coalesce(
            NEW.account_currencies,
            (SELECT json_object_agg(account_id, currency_code ORDER BY account_id)::text FROM giftcert.account_currency),
            '{}'
        )
    INTO NEW.cut_at, NEW.last_line, NEW.last_settled, NEW.time_zone, NEW.account_currencies
    FROM giftcert.journal_id_seq AS line, giftcert.settled_id_seq AS settled, giftcert.reporting_setting AS setting;
    RETURN NEW;
END
$$;

ALTER FUNCTION giftcert.note_where_books_stand() OWNER TO giftledger_owner;

COMMENT ON FUNCTION giftcert.note_where_books_stand() IS 'Notes of a close when it was cut, where the books stood then, and by which settings: nobody else says so.';

CREATE FUNCTION giftcert.raise_balance_version(at_least bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION giftcert.raise_balance_version(at_least bigint) OWNER TO giftledger_owner;

COMMENT ON FUNCTION giftcert.raise_balance_version(at_least bigint) IS 'Has later versions be above a number: of a database that was restored to a time before what is in the topics.';

CREATE FUNCTION giftcert.refuse_halves_of_closes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM giftcert.close
        JOIN giftcert.closed_period AS closed
            ON closed.account_id IS NOT DISTINCT FROM close.account_id AND closed.month = close.month
        WHERE close.account_id IS NOT DISTINCT FROM NEW.account_id AND close.month = NEW.month
    ) THEN
        RAISE EXCEPTION '% of account % cannot be closed: close and closed_period are written together',
            to_char(NEW.month, 'YYYY-MM'), coalesce(NEW.account_id, '(none)') USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION giftcert.refuse_halves_of_closes() OWNER TO giftledger_owner;

COMMENT ON FUNCTION giftcert.refuse_halves_of_closes() IS 'Refuses a close of a month that is not the last closed one of its account, and a closed month without a close.';

CREATE FUNCTION giftcert.refuse_lines_of_closed_months() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    refused record;
BEGIN
    -- An older snapshot would not see what is closed by now.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Lines are booked in transactions that read what is committed, not in % ones',
            current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
    END IF;
    -- The closing lock: a cut waits for us, or we for it. Its key is that of books/enter.
    PERFORM pg_advisory_xact_lock_shared(7305718091);
    IF EXISTS (SELECT FROM giftcert.closed_period WHERE month >= (SELECT min(period) FROM booked WHERE livemode)) THEN
        SELECT booked.account_id, booked.period, booked.certificate_id INTO refused
        FROM booked
        JOIN giftcert.closed_period AS closed ON closed.account_id IS NOT DISTINCT FROM booked.account_id
        WHERE booked.livemode AND booked.period <= closed.month
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'A line of certificate % cannot be booked into %: that month of account % is closed',
                refused.certificate_id, to_char(refused.period, 'YYYY-MM'), coalesce(refused.account_id, '(none)')
                -- No row's own fault: a worker that books so must not make a dead letter of it.
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION giftcert.refuse_lines_of_closed_months() OWNER TO giftledger_owner;

COMMENT ON FUNCTION giftcert.refuse_lines_of_closed_months() IS 'Refuses lines whose period is closed for their account: a closed month stays as it was cut.';

CREATE FUNCTION giftcert.refuse_lower_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'The version of a balance only rises: % is not above %', NEW.version, OLD.version
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

ALTER FUNCTION giftcert.refuse_lower_version() OWNER TO giftledger_owner;

CREATE FUNCTION giftcert.refuse_months_out_of_turn() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF NEW.month < date '2000-01-01' OR NEW.month > date '2999-12-01'
        OR NEW.month + interval '1 month 12 hours' > clock_timestamp() AT TIME ZONE 'UTC'
    THEN
        RAISE EXCEPTION '% cannot be closed: it is not over in every time zone, or no month of ours',
            to_char(NEW.month, 'YYYY-MM') USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.month <> OLD.month + interval '1 month' THEN
        RAISE EXCEPTION '% cannot be closed: after % comes the next month',
            to_char(NEW.month, 'YYYY-MM'), to_char(OLD.month, 'YYYY-MM') USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION giftcert.refuse_months_out_of_turn() OWNER TO giftledger_owner;

COMMENT ON FUNCTION giftcert.refuse_months_out_of_turn() IS 'Refuses to close a month that is not over in every time zone, and any but the next one.';

CREATE FUNCTION giftcert.why_not_askable(customer_number text, status text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((customer_number IS NULL) OR (btrim(customer_number) = ''::text)) THEN 'no_customer_number'::text WHEN ((length(customer_number) > 256) OR (customer_number ~ '[[:cntrl:]\ufffd]'::text)) THEN 'no_customer_number'::text WHEN (lower(btrim(status)) <> 'paid'::text) THEN 'not_paid'::text ELSE NULL::text END;

ALTER FUNCTION giftcert.why_not_askable(customer_number text, status text) OWNER TO giftledger_owner;

COMMENT ON FUNCTION giftcert.why_not_askable(customer_number text, status text) IS 'Why the sender''s API cannot be asked for a certificate; NULL where it can. It lists the paid certificates of a customer number.';

CREATE TABLE giftcert.account_currency (
    account_id text NOT NULL COLLATE pg_catalog."C",
    currency_code text NOT NULL
);

ALTER TABLE giftcert.account_currency OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.account_currency IS 'The setting ACCOUNT_CURRENCIES: the base currency of an account.';

CREATE SEQUENCE giftcert.balance_version
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE giftcert.balance_version OWNER TO giftledger_owner;

COMMENT ON SEQUENCE giftcert.balance_version IS 'The versions of balances.';

CREATE TABLE giftcert.balance_outbox (
    version bigint DEFAULT nextval('giftcert.balance_version'::regclass) NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    livemode boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    traceparent text COLLATE pg_catalog."C"
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000');

ALTER TABLE giftcert.balance_outbox OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.balance_outbox IS 'Certificates whose state is to be published: a row comes with each change, and goes when that version is published.';

COMMENT ON COLUMN giftcert.balance_outbox.version IS 'Rises with each change of the certificate: drawn while its row is locked.';

COMMENT ON COLUMN giftcert.balance_outbox.changed_at IS 'When the transaction booked that changed it last.';

COMMENT ON COLUMN giftcert.balance_outbox.traceparent IS 'W3C trace context of the event that changed it last; NULL where there is none.';

CREATE TABLE giftcert.balance_publisher (
    leads_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    published_as_of timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    leader text COLLATE pg_catalog."C",
    CONSTRAINT balance_publisher_only_row_check CHECK (only_row)
);

ALTER TABLE giftcert.balance_publisher OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.balance_publisher IS 'Which process publishes balances. Who leads only decides who works: that an older state never stays last is up to Kafka.';

COMMENT ON COLUMN giftcert.balance_publisher.published_as_of IS 'What was committed before this is in the topics, unless the outbox is empty: then all is.';

CREATE TABLE giftcert.balance_topic (
    partitions integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    topic_id bytea
);

ALTER TABLE giftcert.balance_topic OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.balance_topic IS 'The topics of balances that hold all that is not in the outbox.';

COMMENT ON COLUMN giftcert.balance_topic.topic_id IS 'By it a topic that was made anew is told from the one before; NULL where the broker has none.';

CREATE TABLE giftcert.certificate (
    occurred_at timestamp with time zone NOT NULL,
    emitted_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone,
    purchased_at timestamp with time zone,
    began_at timestamp with time zone NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    face_value bigint,
    purchase_price bigint,
    purchase_total bigint,
    first_seen bigint,
    consideration bigint NOT NULL,
    posting_day date NOT NULL,
    purchase_day date,
    transactions_paid integer,
    purchase_transactions_paid integer,
    events integer NOT NULL,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    has_been_deleted boolean NOT NULL,
    purchase_deleted boolean,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    purchase_event_id text COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    definition_id text COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    transaction_id text COLLATE pg_catalog."C",
    status text,
    customer_number text,
    agency_id text,
    agency_name text,
    station_id text,
    station_name text,
    time_zone text NOT NULL,
    issuing_station_id text,
    issuing_station_name text,
    issuing_time_zone text,
    issuing_agency_id text,
    issuing_agency_name text
)
WITH (fillfactor='80');

ALTER TABLE giftcert.certificate OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.certificate IS 'Current state: one row a certificate, from its newest update, else from its purchase, the first created event.';

COMMENT ON COLUMN giftcert.certificate.began_at IS 'When the first event in its order happened.';

COMMENT ON COLUMN giftcert.certificate.effective_at IS 'The latest occurred_at: that of its next line, at least.';

COMMENT ON COLUMN giftcert.certificate.balance IS 'What is left, as sent, also where deleted is true; in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate.face_value IS 'The balance of its purchase, the first created event; NULL while that is not known, as all that is said of it.';

COMMENT ON COLUMN giftcert.certificate.first_seen IS 'The balance of the first event that we know, while the purchase is not known.';

COMMENT ON COLUMN giftcert.certificate.consideration IS 'What was paid for what is left, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate.posting_day IS 'The latest local day: that of its next line, at least.';

COMMENT ON COLUMN giftcert.certificate.purchase_day IS 'The local day of its purchase.';

COMMENT ON COLUMN giftcert.certificate.events IS 'How many events its history holds.';

COMMENT ON COLUMN giftcert.certificate.has_been_deleted IS 'An event so far said that it is deleted.';

COMMENT ON COLUMN giftcert.certificate.account_id IS 'What it is booked under: its purchase''s, else the first that is given.';

COMMENT ON COLUMN giftcert.certificate.definition_id IS 'What it is booked under: its purchase''s, else the first that is given.';

COMMENT ON COLUMN giftcert.certificate.currency IS 'What it is booked under; unspecified where nothing names one.';

COMMENT ON COLUMN giftcert.certificate.time_zone IS 'The time zone of the newest event''s station, else REPORTING_TIME_ZONE: always a name that exists.';

COMMENT ON COLUMN giftcert.certificate.issuing_time_zone IS 'The time zone of the issuing station, else REPORTING_TIME_ZONE; NULL while the purchase is not known.';

CREATE TABLE giftcert.certificate_document (
    livemode boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    data text NOT NULL
)
WITH (fillfactor='80');

ALTER TABLE giftcert.certificate_document OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.certificate_document IS 'The newest event''s data of each certificate as it came, personal data included. Nothing reads it.';

CREATE TABLE giftcert.certificate_history (
    occurred_at timestamp with time zone NOT NULL,
    emitted_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    attempt_received_at timestamp with time zone,
    applied_at timestamp with time zone,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    kafka_offset bigint,
    kafka_partition integer,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    outcome giftcert.attempt_outcome,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    definition_id text COLLATE pg_catalog."C",
    transaction_id text COLLATE pg_catalog."C",
    status text,
    user_id text,
    agency_id text,
    shift_id text,
    station_id text,
    station_name text,
    station_time_zone text,
    station_currency_code text,
    display_currency_code text,
    doubts text[],
    kafka_topic text COLLATE pg_catalog."C",
    attempt_id text COLLATE pg_catalog."C",
    attempt_key bytea
);

ALTER TABLE giftcert.certificate_history OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.certificate_history IS 'One row an event of a certificate, immutable; late events stand at their place in the order (kind <> ''created'', occurred_at, emitted_at, kind, coalesce(transactions_paid, -1), event_id).';

COMMENT ON COLUMN giftcert.certificate_history.occurred_at IS 'When it happened: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created.';

COMMENT ON COLUMN giftcert.certificate_history.emitted_at IS 'The envelope''s created: when the sender emitted the event.';

COMMENT ON COLUMN giftcert.certificate_history.received_at IS 'When the webhook reached us: the earliest arrival of any record of the event; a rebuild keeps it.';

COMMENT ON COLUMN giftcert.certificate_history.balance IS 'What is left, absolute, as sent, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate_history.price IS 'What was paid before taxes and fees, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate_history.total IS 'Price and taxes and fees, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate_history.transactions_paid IS 'How many transactions the certificate had paid by then; NULL where they are not listed.';

COMMENT ON COLUMN giftcert.certificate_history.station_id IS 'Where the agent had an open shift: the issuing station in a created event, the redeeming one in an updated event.';

COMMENT ON COLUMN giftcert.certificate_history.station_time_zone IS 'As it was sent, whether or not it is a time zone.';

COMMENT ON COLUMN giftcert.certificate_history.station_currency_code IS 'shiftLocation.primaryCurrencyCode, in capitals.';

COMMENT ON COLUMN giftcert.certificate_history.display_currency_code IS 'displayCurrency.isocode, in capitals, where buy and sell are 1, so that it names the base currency.';

COMMENT ON COLUMN giftcert.certificate_history.doubts IS 'What the event says that cannot be true, as "rule what"; NULL where there is nothing of that.';

COMMENT ON COLUMN giftcert.certificate_history.attempt_id IS 'The attempt that brought the event; NULL where an earlier version had pruned it.';

COMMENT ON COLUMN giftcert.certificate_history.attempt_key IS 'The first 16 bytes of the SHA-256 of t or f (livemode) and the attempt id: any string, in a small index.';

CREATE TABLE giftcert.close (
    id bigint NOT NULL,
    prepared bigint NOT NULL,
    cut_at timestamp with time zone NOT NULL,
    last_line bigint NOT NULL,
    last_settled bigint NOT NULL,
    month date NOT NULL,
    account_id text COLLATE pg_catalog."C",
    cut_by text NOT NULL,
    time_zone text NOT NULL,
    account_currencies text NOT NULL,
    CONSTRAINT close_month_check CHECK ((month = date_trunc('month'::text, (month)::timestamp without time zone)))
);

ALTER TABLE giftcert.close OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close IS 'Insert-only: the months that are closed, and where the books were cut.';

COMMENT ON COLUMN giftcert.close.last_line IS 'The lines of the journal up to this id are in the close.';

COMMENT ON COLUMN giftcert.close.last_settled IS 'What was settled up to this id is in the close.';

COMMENT ON COLUMN giftcert.close.account_currencies IS 'JSON: the setting as it stood.';

CREATE TABLE giftcert.close_certificate (
    close_id bigint NOT NULL,
    balance numeric NOT NULL,
    balance_at_consideration numeric NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    issuing_station_id text COLLATE pg_catalog."C",
    event_id text COLLATE pg_catalog."C",
    salt bytea NOT NULL,
    leaf bytea NOT NULL
);

ALTER TABLE giftcert.close_certificate OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close_certificate IS 'What was left on each certificate at the end of a month that is closed, in 1/100000; in this order the leaves of a tree.';

COMMENT ON COLUMN giftcert.close_certificate.leaf IS 'SHA-256 of 0x00 and the row as canonical JSON, its salt included.';

ALTER TABLE giftcert.close ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.close_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.close_manifest (
    close_id bigint NOT NULL,
    manifest text NOT NULL
);

ALTER TABLE giftcert.close_manifest OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close_manifest IS 'What is signed of a close, as canonical JSON (RFC 8785).';

CREATE TABLE giftcert.close_prepared (
    id bigint NOT NULL,
    prepared_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    month date NOT NULL,
    account_id text COLLATE pg_catalog."C",
    prepared_by text NOT NULL,
    warnings text NOT NULL,
    coverage text DEFAULT '[]'::text NOT NULL,
    CONSTRAINT close_prepared_month_check CHECK ((month = date_trunc('month'::text, (month)::timestamp without time zone)))
);

ALTER TABLE giftcert.close_prepared OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close_prepared IS 'Insert-only: who found nothing that blocks the close of a month and account (NULL is one). The newest counts.';

COMMENT ON COLUMN giftcert.close_prepared.warnings IS 'JSON: what was accepted, each with its rule, what was found, and why.';

COMMENT ON COLUMN giftcert.close_prepared.coverage IS 'JSON: of each currency what was outstanding then, and what of it the sender''s own list had confirmed within seven days.';

ALTER TABLE giftcert.close_prepared ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.close_prepared_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.close_records (
    close_id bigint NOT NULL,
    first_offset bigint NOT NULL,
    next_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic text NOT NULL COLLATE pg_catalog."C",
    passed_over int8multirange NOT NULL
);

ALTER TABLE giftcert.close_records OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close_records IS 'Which records of the topics are in a close: from first_offset to before next_offset, but those passed over.';

CREATE TABLE giftcert.close_rollforward (
    close_id bigint NOT NULL,
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
    currency text NOT NULL COLLATE pg_catalog."C",
    issuing_station_id text COLLATE pg_catalog."C"
);

ALTER TABLE giftcert.close_rollforward OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close_rollforward IS 'The roll-forward that was signed: one row a currency and issuing station, in 1/100000. The lines whose period is the month.';

CREATE TABLE giftcert.close_signature (
    close_id bigint NOT NULL,
    signed_at timestamp with time zone NOT NULL,
    signed_by text NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL
);

ALTER TABLE giftcert.close_signature OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.close_signature IS 'Insert-only: who signed a close (Ed25519).';

CREATE TABLE giftcert.closed_period (
    account_id text COLLATE pg_catalog."C",
    month date NOT NULL,
    CONSTRAINT closed_period_month_check CHECK ((month = date_trunc('month'::text, (month)::timestamp without time zone)))
);

ALTER TABLE giftcert.closed_period OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.closed_period IS 'The last closed month of each account: lines are booked into later ones.';

CREATE TABLE giftcert.definition (
    occurred_at timestamp with time zone,
    emitted_at timestamp with time zone,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone,
    price bigint,
    value bigint,
    kind giftcert.event_kind,
    livemode boolean NOT NULL,
    disabled boolean,
    taxable boolean,
    definition_id text NOT NULL COLLATE pg_catalog."C",
    event_id text COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    name text,
    description text,
    currency_code text,
    data text,
    doubts text[],
    first_currency_occurred_at timestamp with time zone,
    first_currency_emitted_at timestamp with time zone,
    first_currency_kind giftcert.event_kind,
    first_currency_event_id text COLLATE pg_catalog."C",
    first_currency_code text,
    CONSTRAINT definition_check CHECK (((deleted_at IS NOT NULL) OR (occurred_at IS NOT NULL)))
);

ALTER TABLE giftcert.definition OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.definition IS 'Current state of what is sold: one row a definition, tombstones included; a delete is final.';

COMMENT ON COLUMN giftcert.definition.occurred_at IS 'When the description was made: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created; NULL while only the delete is known.';

COMMENT ON COLUMN giftcert.definition.deleted_at IS 'The earliest delete that is known; NULL while the definition lives.';

COMMENT ON COLUMN giftcert.definition.price IS 'What one pays, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.definition.value IS 'What one gets, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.definition.doubts IS 'What the description says that cannot be true, as "rule what"; NULL where there is nothing of that.';

COMMENT ON COLUMN giftcert.definition.first_currency_event_id IS 'The event that gave it, beside its place in the order.';

COMMENT ON COLUMN giftcert.definition.first_currency_code IS 'The first currency that it ever gave, in the order of its events: its certificates are in that.';

CREATE TABLE giftcert.exception (
    occurred_at timestamp with time zone,
    found_at timestamp with time zone NOT NULL,
    rule text NOT NULL COLLATE pg_catalog."C",
    severity text NOT NULL,
    entity text NOT NULL,
    livemode boolean NOT NULL,
    entity_id text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    event_id text COLLATE pg_catalog."C",
    observed text NOT NULL,
    expected text NOT NULL,
    CONSTRAINT exception_entity_check CHECK ((entity = ANY (ARRAY['certificate'::text, 'definition'::text, 'station'::text, 'topic'::text]))),
    CONSTRAINT exception_severity_check CHECK ((severity = ANY (ARRAY['error'::text, 'warning'::text])))
);

ALTER TABLE giftcert.exception OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.exception IS 'Exceptions that the events of one entity show: found when they are applied, taken back when they no longer hold.';

CREATE TABLE giftcert.exception_acknowledgement (
    id bigint NOT NULL,
    acknowledged_at timestamp with time zone DEFAULT now() NOT NULL,
    livemode boolean,
    rule text NOT NULL COLLATE pg_catalog."C",
    entity text NOT NULL,
    entity_id text NOT NULL COLLATE pg_catalog."C",
    event_id text COLLATE pg_catalog."C",
    observed text,
    expected text,
    acknowledged_by text NOT NULL,
    because text NOT NULL
);

ALTER TABLE giftcert.exception_acknowledgement OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.exception_acknowledgement IS 'Insert-only: who understood an exception, and why it may stand. It holds while the exception says the same.';

ALTER TABLE giftcert.exception_acknowledgement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.exception_acknowledgement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.journal (
    id bigint NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    change bigint NOT NULL,
    change_at_consideration bigint NOT NULL,
    balance bigint NOT NULL,
    local_day date NOT NULL,
    posting_day date NOT NULL,
    period date NOT NULL,
    movement giftcert.movement NOT NULL,
    entry smallint NOT NULL,
    livemode boolean NOT NULL,
    is_inferred boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    caused_by text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    definition_id text COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    issuing_station_id text,
    station_id text,
    purchase_day date,
    CONSTRAINT journal_entry_check CHECK ((entry = ANY (ARRAY[1, '-1'::integer])))
);

ALTER TABLE giftcert.journal OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.journal IS 'Append-only: one line a movement. What turns out otherwise is booked again with the opposite sign, then as it should be.';

COMMENT ON COLUMN giftcert.journal.booked_at IS 'When the books said so: once a transaction.';

COMMENT ON COLUMN giftcert.journal.effective_at IS 'The latest occurred_at of the certificate as far as this event.';

COMMENT ON COLUMN giftcert.journal.change IS 'By how much the balance moved, in 1/100000 of the currency unit; of a line that is taken back, the other way.';

COMMENT ON COLUMN giftcert.journal.change_at_consideration IS 'The same of what was paid for the balance.';

COMMENT ON COLUMN giftcert.journal.balance IS 'What was left after the movement; before it: balance - entry * change.';

COMMENT ON COLUMN giftcert.journal.local_day IS 'The day of the event on the clock of its station, else in REPORTING_TIME_ZONE.';

COMMENT ON COLUMN giftcert.journal.posting_day IS 'The latest local day of the certificate as far as this event.';

COMMENT ON COLUMN giftcert.journal.period IS 'The month that the line is booked into: that of its posting_day, or the first open one of its account.';

COMMENT ON COLUMN giftcert.journal.entry IS '1, or -1 where a line is taken back. Counts sum it.';

COMMENT ON COLUMN giftcert.journal.event_id IS 'The event that moved the balance.';

COMMENT ON COLUMN giftcert.journal.caused_by IS 'What made us book it: the id of an event, task:<id>, migration, rebuild or verify.';

COMMENT ON COLUMN giftcert.journal.station_id IS 'The station of the movement.';

COMMENT ON COLUMN giftcert.journal.purchase_day IS 'The local day of the purchase; NULL while that is not known.';

ALTER TABLE giftcert.journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.journal_total (
    change numeric NOT NULL,
    change_at_consideration numeric NOT NULL,
    negative numeric NOT NULL,
    entries bigint NOT NULL,
    certificates bigint NOT NULL,
    posting_day date NOT NULL,
    movement giftcert.movement NOT NULL,
    livemode boolean NOT NULL,
    account_id text COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    issuing_station_id text
);

ALTER TABLE giftcert.journal_total OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.journal_total IS 'Sums of all lines of the journal whose id is at most journal_totalled.up_to. One worker keeps them.';

COMMENT ON COLUMN giftcert.journal_total.negative IS 'By how much the sum of balances below 0 moved.';

COMMENT ON COLUMN giftcert.journal_total.certificates IS 'How many certificates more had something left.';

CREATE TABLE giftcert.journal_totalled (
    only_row boolean DEFAULT true NOT NULL,
    up_to bigint DEFAULT 0 NOT NULL,
    CONSTRAINT journal_totalled_only_row_check CHECK (only_row)
);

ALTER TABLE giftcert.journal_totalled OWNER TO giftledger_owner;

CREATE TABLE giftcert.month_total (
    change numeric NOT NULL,
    change_at_consideration numeric NOT NULL,
    negative numeric NOT NULL,
    entries bigint NOT NULL,
    certificates bigint NOT NULL,
    posting_month date NOT NULL,
    livemode boolean NOT NULL,
    account_id text COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    issuing_station_id text
);

ALTER TABLE giftcert.month_total OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.month_total IS 'Sums of the same lines as in journal_total, by month and of all movements together: what stood needs no more.';

CREATE TABLE giftcert.other_attempt (
    emitted_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    outcome giftcert.attempt_outcome NOT NULL,
    livemode boolean NOT NULL,
    attempt_key bytea NOT NULL,
    attempt_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    event text NOT NULL COLLATE pg_catalog."C",
    entity_id text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE giftcert.other_attempt OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.other_attempt IS 'Attempts that stand beside no event of a certificate: resends, and those of definitions.';

CREATE TABLE giftcert.rebooking_task (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    done_at timestamp with time zone,
    kind text NOT NULL,
    livemode boolean,
    definition_id text COLLATE pg_catalog."C",
    CONSTRAINT rebooking_task_kind_check CHECK ((kind = ANY (ARRAY['definition'::text, 'setting'::text, 'migration'::text])))
);

ALTER TABLE giftcert.rebooking_task OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.rebooking_task IS 'Certificates to book again: of a definition whose first currency changed, or all, after a setting or a migration.';

ALTER TABLE giftcert.rebooking_task ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.rebooking_task_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.reconciliation_item (
    looked_at timestamp with time zone NOT NULL,
    differs_since timestamp with time zone,
    amount_here bigint,
    amount_there bigint,
    price_here bigint,
    price_there bigint,
    run_id bigint NOT NULL,
    verdict giftcert.reconciliation_verdict NOT NULL,
    entity text NOT NULL COLLATE pg_catalog."C",
    livemode boolean NOT NULL,
    entity_id text NOT NULL COLLATE pg_catalog."C",
    list_key text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    CONSTRAINT reconciliation_item_entity_check CHECK ((entity = ANY (ARRAY['certificate'::text, 'definition'::text])))
)
WITH (fillfactor='80');

ALTER TABLE giftcert.reconciliation_item OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.reconciliation_item IS 'One row a certificate or definition that was compared: the newest look. What was said then holds only while ours has not moved since.';

COMMENT ON COLUMN giftcert.reconciliation_item.amount_here IS 'What could be spent by our books then (of a definition: its value), in 1/100000; NULL where we had none.';

COMMENT ON COLUMN giftcert.reconciliation_item.amount_there IS 'The same by the sender''s list; NULL where it was not in it, or said no readable amount.';

COMMENT ON COLUMN giftcert.reconciliation_item.price_here IS 'Of a definition: its price by our tables.';

COMMENT ON COLUMN giftcert.reconciliation_item.list_key IS 'The list that was looked at: see reconciliation_list.';

CREATE TABLE giftcert.reconciliation_list (
    asked_at timestamp with time zone,
    again_at timestamp with time zone,
    failed_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    entity text NOT NULL COLLATE pg_catalog."C",
    livemode boolean NOT NULL,
    list_key text NOT NULL COLLATE pg_catalog."C",
    failure text,
    CONSTRAINT reconciliation_list_entity_check CHECK ((entity = ANY (ARRAY['certificate'::text, 'definition'::text])))
);

ALTER TABLE giftcert.reconciliation_list OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.reconciliation_list IS 'How far reconcile has come: when each list of the sender was last compared, when it is to be asked for again, and what went wrong since.';

COMMENT ON COLUMN giftcert.reconciliation_list.list_key IS 'Whose list it is: a customer number (certificates), or an account id (definitions).';

CREATE TABLE giftcert.reconciliation_run (
    id bigint NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    latest_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lists bigint DEFAULT 0 NOT NULL,
    items bigint DEFAULT 0 NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    livemode boolean NOT NULL,
    accounts text[]
);

ALTER TABLE giftcert.reconciliation_run OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.reconciliation_run IS 'One row a run of reconcile: how many lists it asked for and how many certificates and definitions it compared. accounts: those that the sender''s key speaks for; NULL is all.';

ALTER TABLE giftcert.reconciliation_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.reconciliation_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.redemption_total (
    redeemed numeric NOT NULL,
    entries bigint NOT NULL,
    posting_month date NOT NULL,
    purchase_month date,
    grouped_by text NOT NULL COLLATE pg_catalog."C",
    livemode boolean NOT NULL,
    is_purchase_known boolean NOT NULL,
    account_id text COLLATE pg_catalog."C",
    definition_id text COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    issuing_station_id text,
    station_id text,
    CONSTRAINT redemption_total_grouped_by_check CHECK ((grouped_by = ANY (ARRAY['cohort'::text, 'definition'::text, 'settlement'::text])))
);

ALTER TABLE giftcert.redemption_total OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.redemption_total IS 'Sums of the same lines as in journal_total, of redemptions, by what three reports group by: each sums to all of them.';

CREATE TABLE giftcert.reporting_setting (
    only_row boolean DEFAULT true NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    CONSTRAINT reporting_setting_only_row_check CHECK (only_row)
);

ALTER TABLE giftcert.reporting_setting OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.reporting_setting IS 'The setting REPORTING_TIME_ZONE: the local day of events without a station.';

CREATE TABLE giftcert.sender_pace (
    only_row boolean DEFAULT true NOT NULL,
    next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT sender_pace_only_row_check CHECK (only_row)
);

ALTER TABLE giftcert.sender_pace OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.sender_pace IS 'When the sender''s API may be asked next, by any of our processes.';

CREATE TABLE giftcert.sender_undelivered (
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    oldest_at timestamp with time zone,
    webhooks bigint NOT NULL
);

ALTER TABLE giftcert.sender_undelivered OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.sender_undelivered IS 'What the sender had as undelivered when it was last asked: one row at most.';

CREATE TABLE giftcert.settled (
    settled_at timestamp with time zone NOT NULL,
    newest_emitted_at timestamp with time zone,
    newest_received_at timestamp with time zone,
    kafka_partition integer NOT NULL,
    outcome giftcert.settlement NOT NULL,
    topic text NOT NULL COLLATE pg_catalog."C",
    offsets int8multirange NOT NULL,
    id bigint NOT NULL
);

ALTER TABLE giftcert.settled OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.settled IS 'Insert-only: which offsets of a partition each transaction settled; a record that came again may be in several.';

ALTER TABLE giftcert.settled ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giftcert.settled_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giftcert.station_name (
    occurred_at timestamp with time zone NOT NULL,
    livemode boolean NOT NULL,
    station_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    event_id text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE giftcert.station_name OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.station_name IS 'The newest name of each station among the events of the lines that are totalled. Kept with the totals.';

CREATE TABLE giftcert.time_zone (
    name text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE giftcert.time_zone OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.time_zone IS 'The time zones that this server knows; any other name is reported, not used.';

CREATE VIEW giftcert.webhook_attempt AS
 SELECT certificate_history.emitted_at,
    certificate_history.attempt_received_at AS received_at,
    certificate_history.applied_at,
    certificate_history.kafka_offset,
    certificate_history.kafka_partition,
    certificate_history.outcome,
    certificate_history.livemode,
    certificate_history.attempt_id,
    certificate_history.event_id,
    ('giftcertificate.'::text || certificate_history.kind) AS event,
    certificate_history.certificate_id AS entity_id,
    certificate_history.kafka_topic AS topic
   FROM giftcert.certificate_history
  WHERE (certificate_history.attempt_id IS NOT NULL)
UNION ALL
 SELECT other_attempt.emitted_at,
    other_attempt.received_at,
    other_attempt.applied_at,
    other_attempt.kafka_offset,
    other_attempt.kafka_partition,
    other_attempt.outcome,
    other_attempt.livemode,
    other_attempt.attempt_id,
    other_attempt.event_id,
    other_attempt.event,
    other_attempt.entity_id,
    other_attempt.topic
   FROM giftcert.other_attempt;

ALTER VIEW giftcert.webhook_attempt OWNER TO giftledger_owner;

COMMENT ON VIEW giftcert.webhook_attempt IS 'The ledger: one row an applied delivery attempt. What is here has been applied and changes nothing again.';

COMMENT ON COLUMN giftcert.webhook_attempt.received_at IS 'When the ingress received the attempt.';

COMMENT ON COLUMN giftcert.webhook_attempt.applied_at IS 'When the transaction that applied the attempt booked it.';

COMMENT ON COLUMN giftcert.webhook_attempt.outcome IS 'applied: newer than the state it met; stale: older than that, entered only the history; resend: its event was known from another attempt.';

ALTER TABLE ONLY giftcert.account_currency
    ADD CONSTRAINT account_currency_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY giftcert.balance_outbox
    ADD CONSTRAINT balance_outbox_pkey PRIMARY KEY (certificate_id, livemode);

ALTER TABLE ONLY giftcert.balance_publisher
    ADD CONSTRAINT balance_publisher_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY giftcert.balance_topic
    ADD CONSTRAINT balance_topic_pkey PRIMARY KEY (name);

ALTER TABLE ONLY giftcert.certificate_document
    ADD CONSTRAINT certificate_document_pkey PRIMARY KEY (certificate_id, livemode);

ALTER TABLE ONLY giftcert.certificate_history
    ADD CONSTRAINT certificate_history_attempt UNIQUE (attempt_key);

ALTER TABLE ONLY giftcert.certificate_history
    ADD CONSTRAINT certificate_history_pkey PRIMARY KEY (certificate_id, livemode, event_id);

ALTER TABLE ONLY giftcert.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (certificate_id, livemode);

ALTER TABLE ONLY giftcert.close
    ADD CONSTRAINT close_account_id_month_key UNIQUE NULLS NOT DISTINCT (account_id, month);

ALTER TABLE giftcert.close_certificate
    ADD CONSTRAINT close_certificate_amounts CHECK ((GREATEST(abs(balance), abs(balance_at_consideration)) < 'Infinity'::numeric)) NOT VALID;

ALTER TABLE ONLY giftcert.close_certificate
    ADD CONSTRAINT close_certificate_close_id_certificate_id_currency_issuing__key UNIQUE NULLS NOT DISTINCT (close_id, certificate_id, currency, issuing_station_id);

ALTER TABLE ONLY giftcert.close_manifest
    ADD CONSTRAINT close_manifest_pkey PRIMARY KEY (close_id);

ALTER TABLE ONLY giftcert.close
    ADD CONSTRAINT close_pkey PRIMARY KEY (id);

ALTER TABLE giftcert.close_prepared
    ADD CONSTRAINT close_prepared_coverage CHECK (((jsonb_typeof((coverage)::jsonb) = 'array'::text) AND (NOT ((coverage)::jsonb @? 'strict $[*]?(@.type() != "array" || @.size() != 3)'::jsonpath)) AND (NOT ((coverage)::jsonb @? 'strict $[*][*]?(@.type() != "string")'::jsonpath)) AND (NOT ((coverage)::jsonb @? 'strict $[*][1 to 2]?(!(@ like_regex "^-?[0-9]+[.][0-9]{5}$"))'::jsonpath)))) NOT VALID;

ALTER TABLE ONLY giftcert.close_prepared
    ADD CONSTRAINT close_prepared_pkey PRIMARY KEY (id);

ALTER TABLE giftcert.close_prepared
    ADD CONSTRAINT close_prepared_warnings CHECK (((jsonb_typeof((warnings)::jsonb) = 'array'::text) AND (NOT ((warnings)::jsonb @? 'strict $[*]?(@.type() != "array" || @.size() != 3)'::jsonpath)) AND (NOT ((warnings)::jsonb @? 'strict $[*][*]?(@.type() != "string")'::jsonpath)))) NOT VALID;

ALTER TABLE giftcert.close_prepared
    ADD CONSTRAINT close_prepared_year CHECK (((month >= '2000-01-01'::date) AND (month <= '2999-12-01'::date))) NOT VALID;

ALTER TABLE ONLY giftcert.close_records
    ADD CONSTRAINT close_records_pkey PRIMARY KEY (close_id, topic, kafka_partition);

ALTER TABLE giftcert.close_rollforward
    ADD CONSTRAINT close_rollforward_amounts CHECK ((GREATEST(abs(opening), abs(issued), abs(first_seen), abs(adjusted_up), abs(redeemed), abs(adjusted_down), abs(voided), abs(closing), abs(for_earlier_months), abs(closing_at_consideration)) < 'Infinity'::numeric)) NOT VALID;

ALTER TABLE ONLY giftcert.close_rollforward
    ADD CONSTRAINT close_rollforward_close_id_currency_issuing_station_id_key UNIQUE NULLS NOT DISTINCT (close_id, currency, issuing_station_id);

ALTER TABLE giftcert.close_signature
    ADD CONSTRAINT close_signature_form CHECK (((octet_length(public_key) = 32) AND (octet_length(signature) = 64) AND (signed_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (signed_at < '3000-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY giftcert.close_signature
    ADD CONSTRAINT close_signature_pkey PRIMARY KEY (close_id, public_key, signature);

ALTER TABLE ONLY giftcert.closed_period
    ADD CONSTRAINT closed_period_account_id_key UNIQUE NULLS NOT DISTINCT (account_id);

ALTER TABLE ONLY giftcert.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (definition_id, livemode);

ALTER TABLE ONLY giftcert.exception_acknowledgement
    ADD CONSTRAINT exception_acknowledgement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY giftcert.journal_totalled
    ADD CONSTRAINT journal_totalled_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY giftcert.other_attempt
    ADD CONSTRAINT other_attempt_pkey PRIMARY KEY (attempt_key);

ALTER TABLE ONLY giftcert.rebooking_task
    ADD CONSTRAINT rebooking_task_pkey PRIMARY KEY (id);

ALTER TABLE ONLY giftcert.reconciliation_item
    ADD CONSTRAINT reconciliation_item_pkey PRIMARY KEY (entity_id, livemode, entity);

ALTER TABLE ONLY giftcert.reconciliation_list
    ADD CONSTRAINT reconciliation_list_pkey PRIMARY KEY (list_key, livemode, entity);

ALTER TABLE ONLY giftcert.reconciliation_run
    ADD CONSTRAINT reconciliation_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY giftcert.reporting_setting
    ADD CONSTRAINT reporting_setting_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY giftcert.sender_pace
    ADD CONSTRAINT sender_pace_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY giftcert.time_zone
    ADD CONSTRAINT time_zone_pkey PRIMARY KEY (name);

CREATE INDEX certificate_purchase_day ON giftcert.certificate USING brin (purchase_day) WITH (autosummarize='on');

CREATE INDEX exception_acknowledgement_entity ON giftcert.exception_acknowledgement USING hash (entity_id);

CREATE INDEX exception_entity ON giftcert.exception USING hash (entity_id);

CREATE INDEX journal_booked_at ON giftcert.journal USING brin (booked_at) WITH (autosummarize='on');

CREATE INDEX journal_certificate ON giftcert.journal USING hash (certificate_id);

CREATE INDEX journal_id ON giftcert.journal USING brin (id) WITH (autosummarize='on');

CREATE INDEX journal_posting_day ON giftcert.journal USING brin (posting_day) WITH (autosummarize='on');

CREATE INDEX journal_total_posting_day ON giftcert.journal_total USING btree (posting_day);

CREATE INDEX month_total_posting_month ON giftcert.month_total USING btree (posting_month);

CREATE INDEX other_attempt_applied_at ON giftcert.other_attempt USING brin (applied_at) WITH (autosummarize='on');

CREATE UNIQUE INDEX other_attempt_definition_event ON giftcert.other_attempt USING btree (entity_id, event_id, livemode) WHERE ((event ~~ 'giftcertificates.%'::text) AND (outcome <> 'resend'::giftcert.attempt_outcome));

CREATE INDEX rebooking_task_open ON giftcert.rebooking_task USING btree (id) WHERE (done_at IS NULL);

CREATE INDEX reconciliation_item_open ON giftcert.reconciliation_item USING btree (list_key, livemode) WHERE (verdict <> 'match'::giftcert.reconciliation_verdict);

CREATE INDEX redemption_total_posting_month ON giftcert.redemption_total USING btree (posting_month);

CREATE INDEX settled_settled_at ON giftcert.settled USING brin (settled_at) WITH (autosummarize='on');

CREATE TRIGGER note_where_books_stand BEFORE INSERT ON giftcert.close FOR EACH ROW EXECUTE FUNCTION giftcert.note_where_books_stand();

CREATE CONSTRAINT TRIGGER refuse_halves_of_closes AFTER INSERT ON giftcert.close DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION giftcert.refuse_halves_of_closes();

CREATE CONSTRAINT TRIGGER refuse_halves_of_closes AFTER INSERT OR UPDATE ON giftcert.closed_period DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION giftcert.refuse_halves_of_closes();

CREATE TRIGGER refuse_lines_of_closed_months AFTER INSERT ON giftcert.journal REFERENCING NEW TABLE AS booked FOR EACH STATEMENT EXECUTE FUNCTION giftcert.refuse_lines_of_closed_months();

CREATE TRIGGER refuse_months_out_of_turn BEFORE INSERT OR UPDATE ON giftcert.closed_period FOR EACH ROW EXECUTE FUNCTION giftcert.refuse_months_out_of_turn();

CREATE TRIGGER version_only_rises AFTER UPDATE ON giftcert.balance_outbox FOR EACH ROW WHEN ((new.version <= old.version)) EXECUTE FUNCTION giftcert.refuse_lower_version();

ALTER TABLE ONLY giftcert.close_certificate
    ADD CONSTRAINT close_certificate_close_id_fkey FOREIGN KEY (close_id) REFERENCES giftcert.close(id);

ALTER TABLE ONLY giftcert.close_manifest
    ADD CONSTRAINT close_manifest_close_id_fkey FOREIGN KEY (close_id) REFERENCES giftcert.close(id);

ALTER TABLE ONLY giftcert.close
    ADD CONSTRAINT close_prepared_fkey FOREIGN KEY (prepared) REFERENCES giftcert.close_prepared(id);

ALTER TABLE ONLY giftcert.close_records
    ADD CONSTRAINT close_records_close_id_fkey FOREIGN KEY (close_id) REFERENCES giftcert.close(id);

ALTER TABLE ONLY giftcert.close_rollforward
    ADD CONSTRAINT close_rollforward_close_id_fkey FOREIGN KEY (close_id) REFERENCES giftcert.close(id);

ALTER TABLE ONLY giftcert.close_signature
    ADD CONSTRAINT close_signature_close_id_fkey FOREIGN KEY (close_id) REFERENCES giftcert.close_manifest(close_id);

GRANT USAGE ON SCHEMA giftcert TO giftledger_writer;
GRANT USAGE ON SCHEMA giftcert TO giftledger_closer;

GRANT USAGE ON SCHEMA reporting TO giftledger_reporting;

GRANT USAGE ON SCHEMA reporting_test TO giftledger_reporting;

REVOKE ALL ON FUNCTION giftcert.raise_balance_version(at_least bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION giftcert.raise_balance_version(at_least bigint) TO giftledger_writer;

GRANT SELECT ON TABLE giftcert.account_currency TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.account_currency TO giftledger_closer;

GRANT SELECT,USAGE ON SEQUENCE giftcert.balance_version TO giftledger_writer;

GRANT SELECT,DELETE ON TABLE giftcert.balance_outbox TO giftledger_writer;

GRANT UPDATE(version) ON TABLE giftcert.balance_outbox TO giftledger_writer;

GRANT INSERT(changed_at),UPDATE(changed_at) ON TABLE giftcert.balance_outbox TO giftledger_writer;

GRANT INSERT(livemode) ON TABLE giftcert.balance_outbox TO giftledger_writer;

GRANT INSERT(certificate_id) ON TABLE giftcert.balance_outbox TO giftledger_writer;

GRANT INSERT(traceparent),UPDATE(traceparent) ON TABLE giftcert.balance_outbox TO giftledger_writer;

GRANT SELECT,UPDATE ON TABLE giftcert.balance_publisher TO giftledger_writer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.balance_topic TO giftledger_writer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.certificate TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.certificate TO giftledger_closer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.certificate_document TO giftledger_writer;

GRANT SELECT,INSERT ON TABLE giftcert.certificate_history TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.certificate_history TO giftledger_closer;

GRANT UPDATE(received_at) ON TABLE giftcert.certificate_history TO giftledger_writer;

GRANT SELECT ON TABLE giftcert.close TO giftledger_closer;
GRANT SELECT ON TABLE giftcert.close TO giftledger_writer;

GRANT INSERT(prepared) ON TABLE giftcert.close TO giftledger_closer;

GRANT INSERT(month) ON TABLE giftcert.close TO giftledger_closer;

GRANT INSERT(account_id) ON TABLE giftcert.close TO giftledger_closer;

GRANT INSERT(cut_by) ON TABLE giftcert.close TO giftledger_closer;

GRANT SELECT,INSERT ON TABLE giftcert.close_certificate TO giftledger_closer;

GRANT SELECT,INSERT ON TABLE giftcert.close_manifest TO giftledger_closer;

GRANT SELECT ON TABLE giftcert.close_prepared TO giftledger_closer;

GRANT INSERT(month) ON TABLE giftcert.close_prepared TO giftledger_closer;

GRANT INSERT(account_id) ON TABLE giftcert.close_prepared TO giftledger_closer;

GRANT INSERT(prepared_by) ON TABLE giftcert.close_prepared TO giftledger_closer;

GRANT INSERT(warnings) ON TABLE giftcert.close_prepared TO giftledger_closer;

GRANT INSERT(coverage) ON TABLE giftcert.close_prepared TO giftledger_closer;

GRANT SELECT,INSERT ON TABLE giftcert.close_records TO giftledger_closer;

GRANT SELECT,INSERT ON TABLE giftcert.close_rollforward TO giftledger_closer;

GRANT SELECT,INSERT ON TABLE giftcert.close_signature TO giftledger_closer;

GRANT SELECT ON TABLE giftcert.closed_period TO giftledger_writer;
GRANT SELECT,INSERT ON TABLE giftcert.closed_period TO giftledger_closer;

GRANT UPDATE(month) ON TABLE giftcert.closed_period TO giftledger_closer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.definition TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.definition TO giftledger_closer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE giftcert.exception TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.exception TO giftledger_closer;

GRANT SELECT ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.exception_acknowledgement TO giftledger_closer;

GRANT INSERT(livemode) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(rule) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(entity) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(entity_id) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(event_id) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(observed) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(expected) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(acknowledged_by) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT INSERT(because) ON TABLE giftcert.exception_acknowledgement TO giftledger_writer;

GRANT SELECT ON TABLE giftcert.journal TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.journal TO giftledger_closer;

GRANT INSERT(booked_at) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(effective_at) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(change) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(change_at_consideration) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(balance) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(local_day) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(posting_day) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(period) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(movement) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(entry) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(livemode) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(is_inferred) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(certificate_id) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(event_id) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(caused_by) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(account_id) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(definition_id) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(currency) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(issuing_station_id) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(station_id) ON TABLE giftcert.journal TO giftledger_writer;

GRANT INSERT(purchase_day) ON TABLE giftcert.journal TO giftledger_writer;

GRANT SELECT ON SEQUENCE giftcert.journal_id_seq TO giftledger_writer;
GRANT SELECT ON SEQUENCE giftcert.journal_id_seq TO giftledger_closer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE giftcert.journal_total TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.journal_total TO giftledger_closer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE giftcert.journal_totalled TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.journal_totalled TO giftledger_closer;

GRANT SELECT,INSERT,DELETE ON TABLE giftcert.month_total TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.month_total TO giftledger_closer;

GRANT SELECT,INSERT,DELETE ON TABLE giftcert.other_attempt TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.other_attempt TO giftledger_closer;

GRANT SELECT ON TABLE giftcert.rebooking_task TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.rebooking_task TO giftledger_closer;

GRANT INSERT(created_at) ON TABLE giftcert.rebooking_task TO giftledger_writer;

GRANT INSERT(done_at),UPDATE(done_at) ON TABLE giftcert.rebooking_task TO giftledger_writer;

GRANT INSERT(kind) ON TABLE giftcert.rebooking_task TO giftledger_writer;

GRANT INSERT(livemode) ON TABLE giftcert.rebooking_task TO giftledger_writer;

GRANT INSERT(definition_id) ON TABLE giftcert.rebooking_task TO giftledger_writer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.reconciliation_item TO giftledger_writer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.reconciliation_list TO giftledger_writer;

GRANT SELECT,UPDATE ON TABLE giftcert.reconciliation_run TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.reconciliation_run TO giftledger_closer;

GRANT INSERT(started_at) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT INSERT(latest_at) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT INSERT(lists) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT INSERT(items) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT INSERT(failures) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT INSERT(livemode) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT INSERT(accounts) ON TABLE giftcert.reconciliation_run TO giftledger_writer;

GRANT SELECT,INSERT,DELETE ON TABLE giftcert.redemption_total TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.redemption_total TO giftledger_closer;

GRANT SELECT ON TABLE giftcert.reporting_setting TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.reporting_setting TO giftledger_closer;

GRANT SELECT,UPDATE ON TABLE giftcert.sender_pace TO giftledger_writer;

GRANT SELECT,INSERT,DELETE ON TABLE giftcert.sender_undelivered TO giftledger_writer;

GRANT SELECT ON TABLE giftcert.settled TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.settled TO giftledger_closer;

GRANT INSERT(settled_at) ON TABLE giftcert.settled TO giftledger_writer;

GRANT INSERT(newest_emitted_at) ON TABLE giftcert.settled TO giftledger_writer;

GRANT INSERT(newest_received_at) ON TABLE giftcert.settled TO giftledger_writer;

GRANT INSERT(kafka_partition) ON TABLE giftcert.settled TO giftledger_writer;

GRANT INSERT(outcome) ON TABLE giftcert.settled TO giftledger_writer;

GRANT INSERT(topic) ON TABLE giftcert.settled TO giftledger_writer;

GRANT INSERT(offsets) ON TABLE giftcert.settled TO giftledger_writer;

GRANT SELECT ON SEQUENCE giftcert.settled_id_seq TO giftledger_closer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE giftcert.station_name TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.station_name TO giftledger_closer;

GRANT SELECT ON TABLE giftcert.webhook_attempt TO giftledger_writer;
GRANT SELECT ON TABLE giftcert.webhook_attempt TO giftledger_closer;
