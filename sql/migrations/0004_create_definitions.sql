-- migrate:up

-- Two facts that merge apart: the newest description (NULL until one arrives) and the earliest delete (NULL while alive).
CREATE TABLE giftcert.definition (
    occurred_at timestamptz,
    emitted_at timestamptz,
    deleted_at timestamptz,
    created_at timestamptz,
    price bigint,
    value bigint,
    kind giftcert.event_kind,
    livemode boolean NOT NULL,
    disabled boolean,
    taxable boolean,
    definition_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    account_id text COLLATE "C",
    name text,
    description text,
    currency_code text,
    data jsonb,
    PRIMARY KEY (definition_id, livemode),
    CHECK (deleted_at IS NOT NULL OR occurred_at IS NOT NULL)
);

COMMENT ON TABLE giftcert.definition IS
    'Current state of what is sold: one row a definition, tombstones included; a delete is final.';
COMMENT ON COLUMN giftcert.definition.occurred_at IS
    'When the description was made: data.updatedAt, else data.createdAt, else the envelope''s created; NULL while only the delete is known.';
COMMENT ON COLUMN giftcert.definition.deleted_at IS 'The earliest delete that is known; NULL while the definition lives.';
COMMENT ON COLUMN giftcert.definition.price IS 'What one pays, in 1/100000 of the currency unit.';
COMMENT ON COLUMN giftcert.definition.value IS 'What one gets, in 1/100000 of the currency unit.';

GRANT SELECT, INSERT, UPDATE ON giftcert.definition TO giftledger_writer;

-- migrate:down

DROP TABLE giftcert.definition;
