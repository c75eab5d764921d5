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

CREATE TABLE giftcert.account_currency (
    account_id text NOT NULL COLLATE pg_catalog."C",
    currency_code text NOT NULL
);

ALTER TABLE giftcert.account_currency OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.account_currency IS 'The setting ACCOUNT_CURRENCIES: the base currency of an account.';

CREATE TABLE giftcert.certificate (
    occurred_at timestamp with time zone NOT NULL,
    emitted_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    definition_id text COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    transaction_id text COLLATE pg_catalog."C",
    status text,
    customer_number text,
    user_id text,
    agency_id text,
    agency_name text,
    shift_id text,
    station_id text,
    station_name text,
    station_time_zone text,
    station_currency_code text,
    display_currency_code text,
    data text NOT NULL
)
WITH (fillfactor='80');

ALTER TABLE giftcert.certificate OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.certificate IS 'Current state: one row a certificate, from its newest update, else from its purchase, the first created event.';

COMMENT ON COLUMN giftcert.certificate.occurred_at IS 'When it happened: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created.';

COMMENT ON COLUMN giftcert.certificate.emitted_at IS 'The envelope''s created: when the sender emitted the event.';

COMMENT ON COLUMN giftcert.certificate.balance IS 'What is left, absolute, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate.price IS 'What was paid before taxes and fees, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate.total IS 'Price and taxes and fees, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate.transactions_paid IS 'How many transactions the certificate had paid by then.';

COMMENT ON COLUMN giftcert.certificate.station_id IS 'Where the agent had an open shift: the issuing station in a created event, the redeeming one in an updated event.';

COMMENT ON COLUMN giftcert.certificate.station_currency_code IS 'shiftLocation.primaryCurrencyCode, in capitals.';

COMMENT ON COLUMN giftcert.certificate.display_currency_code IS 'displayCurrency.isocode, in capitals, where buy and sell are 1, so that it names the base currency.';

COMMENT ON COLUMN giftcert.certificate.data IS 'The newest event''s data as it came, personal data included.';

CREATE TABLE giftcert.certificate_history (
    occurred_at timestamp with time zone NOT NULL,
    emitted_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
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
    doubts text[]
);

ALTER TABLE giftcert.certificate_history OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.certificate_history IS 'One row an event of a certificate, immutable; late events stand at their place in the order (kind <> ''created'', occurred_at, emitted_at, kind, coalesce(transactions_paid, -1), event_id).';

COMMENT ON COLUMN giftcert.certificate_history.occurred_at IS 'When it happened: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created.';

COMMENT ON COLUMN giftcert.certificate_history.emitted_at IS 'The envelope''s created: when the sender emitted the event.';

COMMENT ON COLUMN giftcert.certificate_history.received_at IS 'When we knew: the earliest arrival of any attempt of the event at the ingress; a rebuild keeps it.';

COMMENT ON COLUMN giftcert.certificate_history.balance IS 'What is left, absolute, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate_history.price IS 'What was paid before taxes and fees, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate_history.total IS 'Price and taxes and fees, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.certificate_history.transactions_paid IS 'How many transactions the certificate had paid by then.';

COMMENT ON COLUMN giftcert.certificate_history.station_id IS 'Where the agent had an open shift: the issuing station in a created event, the redeeming one in an updated event.';

COMMENT ON COLUMN giftcert.certificate_history.station_currency_code IS 'shiftLocation.primaryCurrencyCode, in capitals.';

COMMENT ON COLUMN giftcert.certificate_history.display_currency_code IS 'displayCurrency.isocode, in capitals, where buy and sell are 1, so that it names the base currency.';

COMMENT ON COLUMN giftcert.certificate_history.doubts IS 'What the event says that cannot be true, as "rule what"; NULL where there is nothing of that.';

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
    CONSTRAINT definition_check CHECK (((deleted_at IS NOT NULL) OR (occurred_at IS NOT NULL)))
);

ALTER TABLE giftcert.definition OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.definition IS 'Current state of what is sold: one row a definition, tombstones included; a delete is final.';

COMMENT ON COLUMN giftcert.definition.occurred_at IS 'When the description was made: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created; NULL while only the delete is known.';

COMMENT ON COLUMN giftcert.definition.deleted_at IS 'The earliest delete that is known; NULL while the definition lives.';

COMMENT ON COLUMN giftcert.definition.price IS 'What one pays, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.definition.value IS 'What one gets, in 1/100000 of the currency unit.';

COMMENT ON COLUMN giftcert.definition.doubts IS 'What the description says that cannot be true, as "rule what"; NULL where there is nothing of that.';

CREATE TABLE giftcert.reporting_setting (
    only_row boolean DEFAULT true NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    CONSTRAINT reporting_setting_only_row_check CHECK (only_row)
);

ALTER TABLE giftcert.reporting_setting OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.reporting_setting IS 'The setting REPORTING_TIME_ZONE: the local day of events without a station.';

CREATE TABLE giftcert.time_zone (
    name text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE giftcert.time_zone OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.time_zone IS 'The time zones that this server knows; any other name is reported, not used.';

CREATE TABLE giftcert.webhook_attempt (
    emitted_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    outcome giftcert.attempt_outcome NOT NULL,
    livemode boolean NOT NULL,
    attempt_id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    event text NOT NULL COLLATE pg_catalog."C",
    entity_id text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE giftcert.webhook_attempt OWNER TO giftledger_owner;

COMMENT ON TABLE giftcert.webhook_attempt IS 'The ledger: one row an applied delivery attempt. What is here has been applied and changes nothing again.';

COMMENT ON COLUMN giftcert.webhook_attempt.emitted_at IS 'The envelope''s created: when the sender emitted the event.';

COMMENT ON COLUMN giftcert.webhook_attempt.received_at IS 'When the ingress received the attempt.';

COMMENT ON COLUMN giftcert.webhook_attempt.applied_at IS 'When the transaction that applied the attempt began.';

COMMENT ON COLUMN giftcert.webhook_attempt.outcome IS 'applied: newer than the state it met; stale: older than that, entered only the history; resend: its event was known from another attempt.';

CREATE TABLE reporting_internal.certificate_digest (
    began_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone,
    purchased_at timestamp with time zone,
    purchase_emitted_at timestamp with time zone,
    balance bigint NOT NULL,
    face_value bigint,
    price bigint,
    total bigint,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    definition_id text COLLATE pg_catalog."C",
    station_currency_code text,
    display_currency_code text,
    customer_number text,
    station_id text,
    station_time_zone text,
    station_name text,
    agency_id text,
    purchase_event_id text COLLATE pg_catalog."C",
    purchase_transactions_paid integer
)
WITH (fillfactor='80');

ALTER TABLE reporting_internal.certificate_digest OWNER TO giftledger_owner;

COMMENT ON TABLE reporting_internal.certificate_digest IS 'One row a certificate: of its newest event and of its purchase, the first created event, what reports need most.';

COMMENT ON COLUMN reporting_internal.certificate_digest.began_at IS 'When the first of its events happened.';

ALTER TABLE ONLY giftcert.account_currency
    ADD CONSTRAINT account_currency_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY giftcert.certificate_history
    ADD CONSTRAINT certificate_history_pkey PRIMARY KEY (certificate_id, livemode, event_id);

ALTER TABLE ONLY giftcert.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (certificate_id, livemode);

ALTER TABLE ONLY giftcert.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (definition_id, livemode);

ALTER TABLE ONLY giftcert.reporting_setting
    ADD CONSTRAINT reporting_setting_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY giftcert.time_zone
    ADD CONSTRAINT time_zone_pkey PRIMARY KEY (name);

ALTER TABLE ONLY giftcert.webhook_attempt
    ADD CONSTRAINT webhook_attempt_pkey PRIMARY KEY (attempt_id, livemode);

ALTER TABLE ONLY reporting_internal.certificate_digest
    ADD CONSTRAINT certificate_digest_pkey PRIMARY KEY (certificate_id, livemode);

CREATE UNIQUE INDEX webhook_attempt_definition_event ON giftcert.webhook_attempt USING btree (entity_id, event_id, livemode) WHERE ((event ~~ 'giftcertificates.%'::text) AND (outcome <> 'resend'::giftcert.attempt_outcome));

GRANT USAGE ON SCHEMA giftcert TO giftledger_writer;

GRANT USAGE ON SCHEMA reporting TO giftledger_reporting;

GRANT USAGE ON SCHEMA reporting_test TO giftledger_reporting;

GRANT SELECT ON TABLE giftcert.account_currency TO giftledger_writer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.certificate TO giftledger_writer;

GRANT SELECT,INSERT ON TABLE giftcert.certificate_history TO giftledger_writer;

GRANT UPDATE(received_at) ON TABLE giftcert.certificate_history TO giftledger_writer;

GRANT SELECT,INSERT,UPDATE ON TABLE giftcert.definition TO giftledger_writer;

GRANT SELECT ON TABLE giftcert.reporting_setting TO giftledger_writer;

GRANT SELECT,INSERT,DELETE ON TABLE giftcert.webhook_attempt TO giftledger_writer;
