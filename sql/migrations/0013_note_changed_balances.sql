-- migrate:up

-- The outbox of the topics of balances: which certificates have changed since their state was last published. One row a
-- certificate and not one a change, so that it is bounded, and nothing in it can be committed behind a reader's back.
-- Rows come and go all the time: what is gone should soon be room for the next.
CREATE TABLE giftcert.balance_outbox (
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    livemode boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (certificate_id, livemode)
)
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE giftcert.balance_outbox OWNER TO giftledger_owner;
COMMENT ON TABLE giftcert.balance_outbox IS
    'Certificates whose state is to be published: a row comes with each change, and goes when that version is published.';
COMMENT ON COLUMN giftcert.balance_outbox.version IS
    'Rises with each change of the certificate: drawn while its row is locked. Two certificates may have the same.';
COMMENT ON COLUMN giftcert.balance_outbox.changed_at IS 'When the transaction booked that changed it last.';

-- Never made anew, not even by a rebuild. No session may keep numbers for later: what is drawn later must be higher.
CREATE SEQUENCE giftcert.balance_version AS bigint CACHE 1;
ALTER SEQUENCE giftcert.balance_version OWNER TO giftledger_owner;
COMMENT ON SEQUENCE giftcert.balance_version IS 'The versions of balances: one number a transaction.';

GRANT SELECT, INSERT, UPDATE, DELETE ON giftcert.balance_outbox TO giftledger_writer;
GRANT SELECT, USAGE, UPDATE ON SEQUENCE giftcert.balance_version TO giftledger_writer;

-- migrate:down

DROP TABLE giftcert.balance_outbox;
DROP SEQUENCE giftcert.balance_version;
