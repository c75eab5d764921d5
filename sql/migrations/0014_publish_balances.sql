-- migrate:up

-- Who publishes balances, until when unless he says so again, and how far they are.
CREATE TABLE giftcert.balance_publisher (
    leads_until timestamptz NOT NULL DEFAULT '-infinity',
    published_as_of timestamptz NOT NULL DEFAULT clock_timestamp(),
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    leader text COLLATE "C"
);
ALTER TABLE giftcert.balance_publisher OWNER TO giftledger_owner;
COMMENT ON TABLE giftcert.balance_publisher IS
    'Which process publishes balances. Who leads only decides who works: that an older state never stays last is up to Kafka.';
COMMENT ON COLUMN giftcert.balance_publisher.published_as_of IS
    'What was committed before this is in the topics, unless the outbox is empty: then all is.';
INSERT INTO giftcert.balance_publisher DEFAULT VALUES;

-- The topics as they were when they were first written to: a key stays in its partition for good.
CREATE TABLE giftcert.balance_topic (
    partitions integer NOT NULL,
    name text COLLATE "C" PRIMARY KEY,
    topic_id bytea
);
ALTER TABLE giftcert.balance_topic OWNER TO giftledger_owner;
COMMENT ON TABLE giftcert.balance_topic IS 'The topics of balances that hold all that is not in the outbox.';
COMMENT ON COLUMN giftcert.balance_topic.topic_id IS
    'By it a topic that was made anew is told from the one before; NULL where the broker has none.';

GRANT SELECT, UPDATE ON giftcert.balance_publisher TO giftledger_writer;
GRANT SELECT, INSERT, UPDATE ON giftcert.balance_topic TO giftledger_writer;

-- migrate:down

DROP TABLE giftcert.balance_topic;
DROP TABLE giftcert.balance_publisher;
