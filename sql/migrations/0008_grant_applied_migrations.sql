-- migrate:up

-- `giftledger check`, run as the worker's user, compares what is applied with what this version brings.
GRANT SELECT ON giftcert.schema_migration TO giftledger_writer;

-- migrate:down

REVOKE SELECT ON giftcert.schema_migration FROM giftledger_writer;
