-- migrate:up

-- A report of current state needs one row a certificate of the history: its purchase. To search for them means to read
-- and sort the whole history, and no index may hold what the sender names as it likes (2,704 bytes are an entry's
-- limit, and a long name must not fail an event). `giftledger migrate` fills this and sees that it is kept.
CREATE TABLE reporting_internal.certificate_purchase (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    face_value bigint NOT NULL,
    price bigint,
    total bigint,
    livemode boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    agency_id text,
    station_id text,
    station_name text,
    station_time_zone text,
    station_currency_code text,
    display_currency_code text,
    PRIMARY KEY (certificate_id, livemode)
);
ALTER TABLE reporting_internal.certificate_purchase OWNER TO giftledger_owner;
COMMENT ON TABLE reporting_internal.certificate_purchase IS
    'The purchase of each certificate whose webhook arrived: the first created event of its history.';

-- migrate:down

-- With them go the triggers on the history and the reports.
DROP FUNCTION IF EXISTS reporting_internal.keep_purchases() CASCADE;
DROP TABLE reporting_internal.certificate_purchase CASCADE;
