-- migrate:up

-- Created < updated < deleted: the order of the enum is the third part of the order of events.
CREATE TYPE giftcert.event_kind AS ENUM ('created', 'updated', 'deleted');
CREATE TYPE giftcert.attempt_outcome AS ENUM ('applied', 'stale', 'resend');

-- Identifiers compare by code point (COLLATE "C"), as the worker compares them, whatever the database's locale.
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

COMMENT ON TABLE giftcert.webhook_attempt IS
    'The ledger: one row an applied delivery attempt. What is here has been applied and changes nothing again.';
COMMENT ON COLUMN giftcert.webhook_attempt.emitted_at IS 'The envelope''s created: when the sender emitted the event.';
COMMENT ON COLUMN giftcert.webhook_attempt.received_at IS 'When the ingress received the attempt.';
COMMENT ON COLUMN giftcert.webhook_attempt.applied_at IS 'When the transaction that applied the attempt began.';
COMMENT ON COLUMN giftcert.webhook_attempt.outcome IS
    'applied: newer than the state it met; stale: older than that, entered only the history; '
    'resend: its event was known from another attempt.';

GRANT SELECT, INSERT, DELETE ON giftcert.webhook_attempt TO giftledger_writer;

-- migrate:down

DROP TABLE giftcert.webhook_attempt;
DROP TYPE giftcert.attempt_outcome;
DROP TYPE giftcert.event_kind;
