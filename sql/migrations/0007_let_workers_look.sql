-- migrate:up

-- `giftledger check`, run as the worker's user, compares what is applied with what this version brings.
GRANT SELECT ON giftcert.schema_migration TO giftledger_writer;

-- The worker counts the exceptions of the reports and adds up their differences, for the metrics.
DO $$
BEGIN
    GRANT giftledger_reporting TO giftledger_writer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'giftledger_reporting could not be granted to giftledger_writer: two metrics will be missing';
END
$$;

-- migrate:down

-- The grant of the role stays: another database of the same cluster may use it.
REVOKE SELECT ON giftcert.schema_migration FROM giftledger_writer;
