-- migrate:up

-- A rebuild works as giftledger_owner, who may create tables in its own schemas and needs no right on the database:
-- it fills its tables in the one, and leaves those that they replace in the other.
CREATE SCHEMA IF NOT EXISTS giftcert_shadow;
CREATE SCHEMA IF NOT EXISTS giftcert_old;
ALTER SCHEMA giftcert_shadow OWNER TO giftledger_owner;
ALTER SCHEMA giftcert_old OWNER TO giftledger_owner;

-- Any member of giftledger_owner may migrate the next time, not only who did it the first time.
ALTER TABLE giftcert.schema_migration OWNER TO giftledger_owner;

-- What decides figures is written by `giftledger migrate` alone; workers compare their environment with it.
REVOKE INSERT, UPDATE, DELETE ON giftcert.account_currency FROM giftledger_writer;
REVOKE UPDATE ON giftcert.reporting_setting FROM giftledger_writer;

-- migrate:down

GRANT UPDATE ON giftcert.reporting_setting TO giftledger_writer;
GRANT INSERT, UPDATE, DELETE ON giftcert.account_currency TO giftledger_writer;
ALTER TABLE giftcert.schema_migration OWNER TO CURRENT_USER;
DROP SCHEMA giftcert_old;
DROP SCHEMA giftcert_shadow;
