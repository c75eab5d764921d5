-- migrate:up

-- Reports of current state need little of each certificate: its newest balance, and its purchase. To get that from the
-- tables means to read documents that no report shows, and to search the whole history; and no index may hold what the
-- sender names as it likes (an entry is at most 2,704 bytes, and a long name must not fail an event).
-- `giftledger migrate` fills this and sees that it is kept.
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
    PRIMARY KEY (certificate_id, livemode)
)
-- As the table of certificates: no index holds what an update changes.
WITH (fillfactor = 80);
ALTER TABLE reporting_internal.certificate_digest OWNER TO giftledger_owner;
COMMENT ON TABLE reporting_internal.certificate_digest IS
    'One row a certificate: of its newest event and of its purchase, the first created event, what reports need most.';
COMMENT ON COLUMN reporting_internal.certificate_digest.began_at IS 'When the first of its events happened.';

-- migrate:down

-- With them go their triggers, and the reports.
DROP FUNCTION IF EXISTS reporting_internal.digest_certificates() CASCADE;
DROP FUNCTION IF EXISTS reporting_internal.digest_events() CASCADE;
DROP TABLE reporting_internal.certificate_digest CASCADE;
