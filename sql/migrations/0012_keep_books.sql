-- migrate:up

-- Facts: what the sender said. Books: what it means in money. Facts converge; books are never changed. The reports are made
-- of these tables alone; `giftledger migrate` makes them anew, and fills the books from the history, when this is done.
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
        AND proowner = 'giftledger_owner'::regrole
        AND prorettype <> 'trigger'::regtype;

    EXECUTE coalesce('DROP VIEW ' || views, '');
    EXECUTE coalesce('DROP FUNCTION ' || functions, '');
END
$$;

-- Triggers and digests are no more.
DROP TABLE reporting_internal.certificate_digest;
DROP FUNCTION IF EXISTS reporting_internal.digest_certificates() CASCADE;
DROP FUNCTION IF EXISTS reporting_internal.digest_events() CASCADE;

ALTER TABLE giftcert.webhook_attempt RENAME TO attempt_before;
ALTER TABLE giftcert.certificate RENAME TO certificate_before;
ALTER TABLE giftcert.certificate_history RENAME TO history_before;
ALTER INDEX giftcert.webhook_attempt_pkey RENAME TO attempt_before_pkey;
ALTER INDEX giftcert.webhook_attempt_definition_event RENAME TO attempt_before_definition_event;
ALTER INDEX giftcert.certificate_pkey RENAME TO certificate_before_pkey;
ALTER INDEX giftcert.certificate_history_pkey RENAME TO history_before_pkey;

-- One row an event, and the attempt that brought it beside it.
CREATE TABLE giftcert.certificate_history (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    attempt_received_at timestamptz,
    applied_at timestamptz,
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
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C",
    definition_id text COLLATE "C",
    transaction_id text COLLATE "C",
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
    kafka_topic text COLLATE "C",
    attempt_id text COLLATE "C",
    attempt_key bytea,
    -- An event belongs to one certificate; the key is also the way to one certificate's history.
    PRIMARY KEY (certificate_id, livemode, event_id),
    CONSTRAINT certificate_history_attempt UNIQUE (attempt_key)
);
COMMENT ON TABLE giftcert.certificate_history IS
    'One row an event of a certificate, immutable; late events stand at their place in the order '
    '(kind <> ''created'', occurred_at, emitted_at, kind, coalesce(transactions_paid, -1), event_id).';
COMMENT ON COLUMN giftcert.certificate_history.occurred_at IS
    'When it happened: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created.';
COMMENT ON COLUMN giftcert.certificate_history.emitted_at IS 'The envelope''s created: when the sender emitted the event.';
COMMENT ON COLUMN giftcert.certificate_history.received_at IS
    'When the webhook reached us: the earliest arrival of any record of the event; a rebuild keeps it.';
COMMENT ON COLUMN giftcert.certificate_history.balance IS
    'What is left, absolute, as sent, in 1/100000 of the currency unit.';
COMMENT ON COLUMN giftcert.certificate_history.price IS
    'What was paid before taxes and fees, in 1/100000 of the currency unit.';
COMMENT ON COLUMN giftcert.certificate_history.total IS
    'Price and taxes and fees, in 1/100000 of the currency unit.';
COMMENT ON COLUMN giftcert.certificate_history.transactions_paid IS
    'How many transactions the certificate had paid by then; NULL where they are not listed.';
COMMENT ON COLUMN giftcert.certificate_history.station_id IS
    'Where the agent had an open shift: the issuing station in a created event, the redeeming one in an updated event.';
COMMENT ON COLUMN giftcert.certificate_history.station_time_zone IS 'As it was sent, whether or not it is a time zone.';
COMMENT ON COLUMN giftcert.certificate_history.station_currency_code IS
    'shiftLocation.primaryCurrencyCode, in capitals.';
COMMENT ON COLUMN giftcert.certificate_history.display_currency_code IS
    'displayCurrency.isocode, in capitals, where buy and sell are 1, so that it names the base currency.';
COMMENT ON COLUMN giftcert.certificate_history.doubts IS
    'What the event says that cannot be true, as "rule what"; NULL where there is nothing of that.';
COMMENT ON COLUMN giftcert.certificate_history.attempt_id IS
    'The attempt that brought the event; NULL where an earlier version had pruned it.';
COMMENT ON COLUMN giftcert.certificate_history.attempt_key IS
    'The first 16 bytes of the SHA-256 of t or f (livemode) and the attempt id: any string, in a small index.';

-- Attempts that stand beside no event of a certificate: resends, and those of definitions.
CREATE TABLE giftcert.other_attempt (
    emitted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    outcome giftcert.attempt_outcome NOT NULL,
    livemode boolean NOT NULL,
    attempt_key bytea NOT NULL,
    attempt_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    PRIMARY KEY (attempt_key)
);
-- Certificates remember their events in certificate_history; definitions have no history and remember them here.
CREATE UNIQUE INDEX other_attempt_definition_event
    ON giftcert.other_attempt (entity_id, event_id, livemode)
    WHERE event LIKE 'giftcertificates.%' AND outcome <> 'resend';
COMMENT ON TABLE giftcert.other_attempt IS
    'Attempts that stand beside no event of a certificate: resends, and those of definitions.';

-- Current state, narrow; every column follows from facts and settings.
CREATE TABLE giftcert.certificate (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    created_at timestamptz,
    purchased_at timestamptz,
    began_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
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
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    purchase_event_id text COLLATE "C",
    account_id text COLLATE "C",
    definition_id text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C",
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
    issuing_agency_name text,
    PRIMARY KEY (certificate_id, livemode)
)
-- Room for the next balance on the same page: no index holds what an update changes.
WITH (fillfactor = 80);
COMMENT ON TABLE giftcert.certificate IS
    'Current state: one row a certificate, from its newest update, else from its purchase, the first created event.';
COMMENT ON COLUMN giftcert.certificate.balance IS
    'What is left, as sent, also where deleted is true; in 1/100000 of the currency unit.';
COMMENT ON COLUMN giftcert.certificate.time_zone IS
    'The time zone of the newest event''s station, else REPORTING_TIME_ZONE: always a name that exists.';
COMMENT ON COLUMN giftcert.certificate.consideration IS 'What was paid for what is left, in 1/100000 of the currency unit.';
COMMENT ON COLUMN giftcert.certificate.has_been_deleted IS 'An event so far said that it is deleted.';
COMMENT ON COLUMN giftcert.certificate.face_value IS
    'The balance of its purchase, the first created event; NULL while that is not known, as all that is said of it.';
COMMENT ON COLUMN giftcert.certificate.purchase_day IS 'The local day of its purchase.';
COMMENT ON COLUMN giftcert.certificate.issuing_time_zone IS
    'The time zone of the issuing station, else REPORTING_TIME_ZONE; NULL while the purchase is not known.';
COMMENT ON COLUMN giftcert.certificate.first_seen IS
    'The balance of the first event that we know, while the purchase is not known.';
COMMENT ON COLUMN giftcert.certificate.began_at IS 'When the first event in its order happened.';
COMMENT ON COLUMN giftcert.certificate.effective_at IS 'The latest occurred_at: that of its next line, at least.';
COMMENT ON COLUMN giftcert.certificate.posting_day IS 'The latest local day: that of its next line, at least.';
COMMENT ON COLUMN giftcert.certificate.account_id IS 'What it is booked under: its purchase''s, else the first that is given.';
COMMENT ON COLUMN giftcert.certificate.definition_id IS
    'What it is booked under: its purchase''s, else the first that is given.';
COMMENT ON COLUMN giftcert.certificate.currency IS 'What it is booked under; unspecified where nothing names one.';
COMMENT ON COLUMN giftcert.certificate.events IS 'How many events its history holds.';

-- Personal data live here and nowhere else, but the customer number; nothing reads it on the way.
CREATE TABLE giftcert.certificate_document (
    livemode boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (certificate_id, livemode)
)
WITH (fillfactor = 80);
COMMENT ON TABLE giftcert.certificate_document IS
    'The newest event''s data of each certificate as it came, personal data included. Nothing reads it.';

-- What a definition's certificates are in: an edited product does not change what was sold.
ALTER TABLE giftcert.definition
    ADD COLUMN first_currency_occurred_at timestamptz,
    ADD COLUMN first_currency_emitted_at timestamptz,
    ADD COLUMN first_currency_kind giftcert.event_kind,
    ADD COLUMN first_currency_event_id text COLLATE "C",
    ADD COLUMN first_currency_code text;
COMMENT ON COLUMN giftcert.definition.first_currency_code IS
    'The first currency that it ever gave, in the order of its events: its certificates are in that.';
COMMENT ON COLUMN giftcert.definition.first_currency_event_id IS 'The event that gave it, beside its place in the order.';
UPDATE giftcert.definition SET
    first_currency_occurred_at = occurred_at,
    first_currency_emitted_at = emitted_at,
    first_currency_kind = kind,
    first_currency_event_id = event_id,
    first_currency_code = currency_code
WHERE currency_code IS NOT NULL;

-- The books.
CREATE TYPE giftcert.movement AS ENUM ('issued', 'first_seen', 'redeemed', 'adjusted_up', 'adjusted_down', 'voided');

CREATE TABLE giftcert.journal (
    id bigint GENERATED ALWAYS AS IDENTITY,
    booked_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    change bigint NOT NULL,
    change_at_consideration bigint NOT NULL,
    balance bigint NOT NULL,
    local_day date NOT NULL,
    posting_day date NOT NULL,
    period date NOT NULL,
    movement giftcert.movement NOT NULL,
    entry smallint NOT NULL CHECK (entry IN (1, -1)),
    livemode boolean NOT NULL,
    is_inferred boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    caused_by text COLLATE "C" NOT NULL,
    account_id text COLLATE "C",
    definition_id text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    issuing_station_id text,
    station_id text
);
CREATE INDEX journal_id ON giftcert.journal USING brin (id) WITH (autosummarize = on);
CREATE INDEX journal_booked_at ON giftcert.journal USING brin (booked_at) WITH (autosummarize = on);
CREATE INDEX journal_posting_day ON giftcert.journal USING brin (posting_day) WITH (autosummarize = on);
CREATE INDEX journal_certificate ON giftcert.journal USING hash (certificate_id);
COMMENT ON TABLE giftcert.journal IS
    'Append-only: one line a movement. What turns out otherwise is booked again with the opposite sign, then as it should be.';
COMMENT ON COLUMN giftcert.journal.booked_at IS 'When the books said so: once a transaction.';
COMMENT ON COLUMN giftcert.journal.effective_at IS 'The latest occurred_at of the certificate as far as this event.';
COMMENT ON COLUMN giftcert.journal.local_day IS 'The day of the event on the clock of its station, else in REPORTING_TIME_ZONE.';
COMMENT ON COLUMN giftcert.journal.posting_day IS 'The latest local day of the certificate as far as this event.';
COMMENT ON COLUMN giftcert.journal.period IS
    'The month that the line is booked into: that of its posting_day, or the first open one of its account.';
COMMENT ON COLUMN giftcert.journal.change IS
    'By how much the balance moved, in 1/100000 of the currency unit; of a line that is taken back, the other way.';
COMMENT ON COLUMN giftcert.journal.change_at_consideration IS 'The same of what was paid for the balance.';
COMMENT ON COLUMN giftcert.journal.balance IS
    'What was left after the movement; before it: balance - entry * change.';
COMMENT ON COLUMN giftcert.journal.entry IS '1, or -1 where a line is taken back. Counts sum it.';
COMMENT ON COLUMN giftcert.journal.event_id IS 'The event that moved the balance.';
COMMENT ON COLUMN giftcert.journal.caused_by IS
    'What made us book it: the id of an event, task:<id>, migration, rebuild or verify.';
COMMENT ON COLUMN giftcert.journal.station_id IS 'The station of the movement.';

-- The last closed month of each account (NULL is one), of live traffic.
CREATE TABLE giftcert.closed_period (
    account_id text COLLATE "C",
    month date NOT NULL CHECK (month = date_trunc('month', month::timestamp)),
    UNIQUE NULLS NOT DISTINCT (account_id)
);
COMMENT ON TABLE giftcert.closed_period IS 'The last closed month of each account: lines are booked into later ones.';

-- Sums of the lines up to one of them, so that the opening of a period need not read all that ever happened.
CREATE TABLE giftcert.journal_total (
    change numeric NOT NULL,
    change_at_consideration numeric NOT NULL,
    negative numeric NOT NULL,
    entries bigint NOT NULL,
    certificates bigint NOT NULL,
    posting_month date NOT NULL,
    movement giftcert.movement NOT NULL,
    livemode boolean NOT NULL,
    account_id text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    issuing_station_id text
);
CREATE TABLE giftcert.journal_totalled (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    up_to bigint NOT NULL DEFAULT 0
);
INSERT INTO giftcert.journal_totalled DEFAULT VALUES;
COMMENT ON TABLE giftcert.journal_total IS
    'Sums of all lines of the journal whose id is at most journal_totalled.up_to. One worker keeps them.';
COMMENT ON COLUMN giftcert.journal_total.certificates IS 'How many certificates more had something left.';
COMMENT ON COLUMN giftcert.journal_total.negative IS 'By how much the sum of balances below 0 moved.';

-- Beside the totals, and of the same lines: one name a station.
CREATE TABLE giftcert.station_name (
    occurred_at timestamptz NOT NULL,
    livemode boolean NOT NULL,
    station_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    event_id text COLLATE "C" NOT NULL
);
COMMENT ON TABLE giftcert.station_name IS
    'The newest name of each station among the events of the lines that are totalled. Kept with the totals.';

-- Which offsets each transaction settled.
CREATE TYPE giftcert.settlement AS ENUM ('applied', 'duplicate', 'dead_lettered');
CREATE TABLE giftcert.settled (
    settled_at timestamptz NOT NULL,
    newest_emitted_at timestamptz,
    newest_received_at timestamptz,
    kafka_partition integer NOT NULL,
    outcome giftcert.settlement NOT NULL,
    topic text COLLATE "C" NOT NULL,
    offsets int8multirange NOT NULL
);
CREATE INDEX settled_settled_at ON giftcert.settled USING brin (settled_at) WITH (autosummarize = on);
COMMENT ON TABLE giftcert.settled IS
    'Insert-only: which offsets of a partition each transaction settled; a record that came again may be in several.';

-- What is known later books again, in bounded steps.
CREATE TABLE giftcert.rebooking_task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz,
    kind text NOT NULL CHECK (kind IN ('definition', 'setting', 'migration')),
    livemode boolean,
    definition_id text COLLATE "C"
);
CREATE INDEX rebooking_task_open ON giftcert.rebooking_task (id) WHERE done_at IS NULL;
COMMENT ON TABLE giftcert.rebooking_task IS
    'Certificates to book again: of a definition whose first currency changed, or all, after a setting or a migration.';

-- What the webhooks say that cannot all be true.
CREATE TABLE giftcert.exception (
    occurred_at timestamptz,
    found_at timestamptz NOT NULL,
    rule text COLLATE "C" NOT NULL,
    severity text NOT NULL CHECK (severity IN ('error', 'warning')),
    entity text NOT NULL CHECK (entity IN ('certificate', 'definition', 'station', 'topic')),
    livemode boolean NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C",
    event_id text COLLATE "C",
    observed text NOT NULL,
    expected text NOT NULL
);
CREATE INDEX exception_entity ON giftcert.exception USING hash (entity_id);
COMMENT ON TABLE giftcert.exception IS
    'Exceptions that the events of one entity show: found when they are applied, taken back when they no longer hold.';

CREATE TABLE giftcert.exception_acknowledgement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acknowledged_at timestamptz NOT NULL DEFAULT now(),
    livemode boolean,
    rule text COLLATE "C" NOT NULL,
    entity text NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    observed text,
    expected text,
    acknowledged_by text NOT NULL,
    because text NOT NULL
);
CREATE INDEX exception_acknowledgement_entity ON giftcert.exception_acknowledgement USING hash (entity_id);
COMMENT ON TABLE giftcert.exception_acknowledgement IS
    'Insert-only: who understood an exception, and why it may stand. It holds while the exception says the same.';

-- What an earlier version kept comes over; `giftledger migrate` fills from the history what is said of purchase and books.
INSERT INTO giftcert.certificate_history (
    occurred_at, emitted_at, received_at, attempt_received_at, applied_at, balance, price, total, kafka_offset,
    kafka_partition, transactions_paid, kind, outcome, livemode, deleted, certificate_id, event_id, account_id,
    definition_id, transaction_id, status, user_id, agency_id, shift_id, station_id, station_name, station_time_zone,
    station_currency_code, display_currency_code, doubts, kafka_topic, attempt_id, attempt_key
)
SELECT
    history.occurred_at, history.emitted_at, history.received_at, attempt.received_at, attempt.applied_at,
    history.balance, history.price, history.total, attempt.kafka_offset, attempt.kafka_partition,
    history.transactions_paid, history.kind, attempt.outcome, history.livemode, history.deleted,
    history.certificate_id, history.event_id, current.account_id, current.definition_id, history.transaction_id,
    history.status, history.user_id, history.agency_id, history.shift_id, history.station_id, history.station_name,
    history.station_time_zone, history.station_currency_code, history.display_currency_code, history.doubts,
    attempt.topic, attempt.attempt_id,
    substring(
        sha256(convert_to(CASE WHEN attempt.livemode THEN 't' ELSE 'f' END || attempt.attempt_id, 'UTF8')) FOR 16
    )
FROM giftcert.history_before AS history
LEFT JOIN giftcert.certificate_before AS current USING (certificate_id, livemode)
LEFT JOIN giftcert.attempt_before AS attempt
    ON attempt.entity_id = history.certificate_id
        AND attempt.livemode = history.livemode
        AND attempt.event_id = history.event_id
        AND attempt.outcome <> 'resend'
        AND attempt.event NOT LIKE 'giftcertificates.%'
ORDER BY history.certificate_id, history.livemode, history.event_id;

INSERT INTO giftcert.other_attempt (
    emitted_at, received_at, applied_at, kafka_offset, kafka_partition, outcome, livemode, attempt_key, attempt_id,
    event_id, event, entity_id, topic
)
SELECT
    emitted_at, received_at, applied_at, kafka_offset, kafka_partition, outcome, livemode,
    substring(sha256(convert_to(CASE WHEN livemode THEN 't' ELSE 'f' END || attempt_id, 'UTF8')) FOR 16),
    attempt_id, event_id, event, entity_id, topic
FROM giftcert.attempt_before
WHERE outcome = 'resend' OR event LIKE 'giftcertificates.%';

INSERT INTO giftcert.certificate (
    occurred_at, emitted_at, created_at, began_at, effective_at, balance, price, total, consideration, posting_day,
    transactions_paid, events, kind, livemode, deleted, has_been_deleted, certificate_id, event_id, account_id, definition_id, currency,
    transaction_id, status, customer_number, agency_id, agency_name, station_id, station_name, time_zone
)
SELECT
    occurred_at, emitted_at, created_at, occurred_at, occurred_at, balance, price, total,
    CASE WHEN deleted THEN 0 ELSE balance END, occurred_at::date,
    transactions_paid, 0, kind, livemode, deleted, deleted, certificate_id, event_id, account_id,
    definition_id, 'unspecified', transaction_id, status, customer_number, agency_id, agency_name, station_id,
    station_name, 'UTC'
FROM giftcert.certificate_before
ORDER BY certificate_id, livemode;

INSERT INTO giftcert.certificate_document (livemode, certificate_id, data)
SELECT livemode, certificate_id, data
FROM giftcert.certificate_before
ORDER BY certificate_id, livemode;

INSERT INTO giftcert.rebooking_task (kind)
SELECT 'migration'
WHERE EXISTS (SELECT FROM giftcert.certificate);

DROP TABLE giftcert.attempt_before;
DROP TABLE giftcert.history_before;
DROP TABLE giftcert.certificate_before;

-- From PostgreSQL 18 on NOT NULL has a name, and the tables of before held the first one: the schema is the same everywhere.
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT conrelid::regclass AS place, conname AS name
        FROM pg_constraint
        WHERE connamespace = 'giftcert'::regnamespace AND contype = 'n' AND conname LIKE '%not\_null1'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', named.place, named.name, left(named.name, -1));
    END LOOP;
END
$$;

CREATE VIEW giftcert.webhook_attempt AS
SELECT
    emitted_at,
    attempt_received_at AS received_at,
    applied_at,
    kafka_offset,
    kafka_partition,
    outcome,
    livemode,
    attempt_id,
    event_id,
    'giftcertificate.' || kind AS event,
    certificate_id AS entity_id,
    kafka_topic AS topic
FROM giftcert.certificate_history
WHERE attempt_id IS NOT NULL
UNION ALL
SELECT
    emitted_at, received_at, applied_at, kafka_offset, kafka_partition, outcome, livemode, attempt_id, event_id, event,
    entity_id, topic
FROM giftcert.other_attempt;
COMMENT ON VIEW giftcert.webhook_attempt IS
    'The ledger: one row an applied delivery attempt. What is here has been applied and changes nothing again.';
COMMENT ON COLUMN giftcert.webhook_attempt.received_at IS 'When the ingress received the attempt.';
COMMENT ON COLUMN giftcert.webhook_attempt.applied_at IS 'When the transaction that applied the attempt booked it.';
COMMENT ON COLUMN giftcert.webhook_attempt.outcome IS
    'applied: newer than the state it met; stale: older than that, entered only the history; '
    'resend: its event was known from another attempt.';

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'certificate_history', 'other_attempt', 'certificate', 'certificate_document', 'journal', 'closed_period',
        'journal_total', 'journal_totalled', 'station_name', 'settled', 'rebooking_task', 'exception',
        'exception_acknowledgement'
    ] LOOP
        EXECUTE format('ALTER TABLE giftcert.%I OWNER TO giftledger_owner', relation);
    END LOOP;
END
$$;
ALTER VIEW giftcert.webhook_attempt OWNER TO giftledger_owner;
ALTER TYPE giftcert.movement OWNER TO giftledger_owner;
ALTER TYPE giftcert.settlement OWNER TO giftledger_owner;

-- Immutable but for one thing: another record of an event may show that it reached us earlier.
GRANT SELECT, INSERT, UPDATE (received_at) ON giftcert.certificate_history TO giftledger_writer;
GRANT SELECT, INSERT, DELETE ON giftcert.other_attempt TO giftledger_writer;
GRANT SELECT, INSERT, UPDATE ON giftcert.certificate, giftcert.certificate_document TO giftledger_writer;
GRANT SELECT ON giftcert.webhook_attempt, giftcert.closed_period TO giftledger_writer;
-- Append-only.
GRANT SELECT, INSERT ON giftcert.journal, giftcert.settled, giftcert.exception_acknowledgement TO giftledger_writer;
GRANT SELECT, INSERT, UPDATE ON giftcert.rebooking_task TO giftledger_writer;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON giftcert.exception, giftcert.journal_total, giftcert.journal_totalled, giftcert.station_name
    TO giftledger_writer;
-- Whoever keeps the totals asks which line is the newest.
GRANT SELECT ON SEQUENCE giftcert.journal_id_seq TO giftledger_writer;

-- migrate:down

-- The facts go back; the books have no place there, and begin anew when they are kept again.
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
DROP VIEW giftcert.webhook_attempt;
DROP TABLE giftcert.exception_acknowledgement, giftcert.exception, giftcert.rebooking_task, giftcert.settled,
    giftcert.station_name, giftcert.journal_totalled, giftcert.journal_total, giftcert.closed_period, giftcert.journal;
DROP TYPE giftcert.settlement;
DROP TYPE giftcert.movement;
ALTER TABLE giftcert.definition
    DROP COLUMN first_currency_occurred_at,
    DROP COLUMN first_currency_emitted_at,
    DROP COLUMN first_currency_kind,
    DROP COLUMN first_currency_event_id,
    DROP COLUMN first_currency_code;

ALTER TABLE giftcert.certificate RENAME TO certificate_after;
ALTER TABLE giftcert.certificate_history RENAME TO history_after;
ALTER INDEX giftcert.certificate_pkey RENAME TO certificate_after_pkey;
ALTER INDEX giftcert.certificate_history_pkey RENAME TO history_after_pkey;

CREATE TABLE giftcert.webhook_attempt (
    emitted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    outcome giftcert.attempt_outcome NOT NULL,
    livemode boolean NOT NULL,
    attempt_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    PRIMARY KEY (attempt_id, livemode)
);

-- Certificates remember their events in certificate_history; definitions have no history and remember them here.
CREATE UNIQUE INDEX webhook_attempt_definition_event
    ON giftcert.webhook_attempt (entity_id, event_id, livemode)
    WHERE event LIKE 'giftcertificates.%' AND outcome <> 'resend';

CREATE TABLE giftcert.certificate (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    created_at timestamptz,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    definition_id text COLLATE "C",
    account_id text COLLATE "C",
    transaction_id text COLLATE "C",
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
    data text NOT NULL,
    PRIMARY KEY (certificate_id, livemode)
)
-- Room for the next balance on the same page: no index holds what an update changes.
WITH (fillfactor = 80);

CREATE TABLE giftcert.certificate_history (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C",
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
    PRIMARY KEY (certificate_id, livemode, event_id)
);

INSERT INTO giftcert.webhook_attempt (
    emitted_at, received_at, applied_at, kafka_offset, kafka_partition, outcome, livemode, attempt_id, event_id, event,
    entity_id, topic
)
SELECT
    emitted_at, attempt_received_at, applied_at, kafka_offset, kafka_partition, outcome, livemode, attempt_id, event_id,
    'giftcertificate.' || kind, certificate_id, kafka_topic
FROM giftcert.history_after
WHERE attempt_id IS NOT NULL
UNION ALL
SELECT
    emitted_at, received_at, applied_at, kafka_offset, kafka_partition, outcome, livemode, attempt_id, event_id, event,
    entity_id, topic
FROM giftcert.other_attempt;

INSERT INTO giftcert.certificate_history (
    occurred_at, emitted_at, received_at, balance, price, total, transactions_paid, kind, livemode, deleted,
    certificate_id, event_id, transaction_id, status, user_id, agency_id, shift_id, station_id, station_name,
    station_time_zone, station_currency_code, display_currency_code, doubts
)
SELECT
    occurred_at, emitted_at, received_at, balance, price, total, transactions_paid, kind, livemode, deleted,
    certificate_id, event_id, transaction_id, status, user_id, agency_id, shift_id, station_id, station_name,
    station_time_zone, station_currency_code, display_currency_code, doubts
FROM giftcert.history_after;

INSERT INTO giftcert.certificate (
    occurred_at, emitted_at, created_at, balance, price, total, transactions_paid, kind, livemode, deleted,
    certificate_id, event_id, definition_id, account_id, transaction_id, status, customer_number, user_id, agency_id,
    agency_name, shift_id, station_id, station_name, station_time_zone, station_currency_code, display_currency_code,
    data
)
SELECT
    current.occurred_at, current.emitted_at, current.created_at, current.balance, current.price, current.total,
    current.transactions_paid, current.kind, current.livemode, current.deleted, current.certificate_id,
    current.event_id, current.definition_id, current.account_id, current.transaction_id, current.status,
    current.customer_number, newest.user_id, current.agency_id, current.agency_name, newest.shift_id,
    current.station_id, current.station_name, newest.station_time_zone, newest.station_currency_code,
    newest.display_currency_code, document.data
FROM giftcert.certificate_after AS current
JOIN giftcert.history_after AS newest USING (certificate_id, livemode, event_id)
JOIN giftcert.certificate_document AS document USING (certificate_id, livemode);

DROP TABLE giftcert.certificate_after, giftcert.history_after, giftcert.certificate_document, giftcert.other_attempt;
ALTER TABLE giftcert.webhook_attempt OWNER TO giftledger_owner;
ALTER TABLE giftcert.certificate OWNER TO giftledger_owner;
ALTER TABLE giftcert.certificate_history OWNER TO giftledger_owner;
GRANT SELECT, INSERT, DELETE ON giftcert.webhook_attempt TO giftledger_writer;
GRANT SELECT, INSERT, UPDATE ON giftcert.certificate TO giftledger_writer;
GRANT SELECT, INSERT, UPDATE (received_at) ON giftcert.certificate_history TO giftledger_writer;

CREATE TABLE reporting_internal.certificate_digest (
    began_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_at timestamptz,
    purchased_at timestamptz,
    purchase_emitted_at timestamptz,
    balance bigint NOT NULL,
    face_value bigint,
    price bigint,
    total bigint,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C",
    definition_id text COLLATE "C",
    station_currency_code text,
    display_currency_code text,
    customer_number text,
    station_id text,
    station_time_zone text,
    station_name text,
    agency_id text,
    purchase_event_id text COLLATE "C",
    purchase_transactions_paid integer,
    PRIMARY KEY (certificate_id, livemode)
)
-- As the table of certificates: no index holds what an update changes.
WITH (fillfactor = 80);
ALTER TABLE reporting_internal.certificate_digest OWNER TO giftledger_owner;
COMMENT ON TABLE reporting_internal.certificate_digest IS
    'One row a certificate: of its newest event and of its purchase, the first created event, what reports need most.';
COMMENT ON COLUMN reporting_internal.certificate_digest.began_at IS 'When the first of its events happened.';
