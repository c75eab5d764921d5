-- migrate:up

-- Whoever migrates acts as the owner; where the roles are in somebody else's hands, that somebody has granted it.
DO $$
BEGIN
    GRANT giftledger_owner TO CURRENT_USER;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'giftledger_owner could not be granted to %: it must be a member already', CURRENT_USER;
END
$$;

-- The views are the owner's and read the tables with the owner's rights, so that their readers need none.
CREATE SCHEMA reporting AUTHORIZATION giftledger_owner;
CREATE SCHEMA reporting_test AUTHORIZATION giftledger_owner;
CREATE SCHEMA reporting_internal AUTHORIZATION giftledger_owner;
COMMENT ON SCHEMA reporting IS 'Reports of live traffic; sql/README.md is their dictionary.';
COMMENT ON SCHEMA reporting_test IS 'The same reports of test traffic (livemode = false).';
COMMENT ON SCHEMA reporting_internal IS 'What the reports are made of; nobody reads it directly.';
GRANT USAGE ON SCHEMA reporting, reporting_test TO giftledger_reporting;

ALTER SCHEMA giftcert OWNER TO giftledger_owner;
ALTER TYPE giftcert.event_kind OWNER TO giftledger_owner;
ALTER TYPE giftcert.attempt_outcome OWNER TO giftledger_owner;
ALTER TABLE giftcert.webhook_attempt OWNER TO giftledger_owner;
ALTER TABLE giftcert.certificate OWNER TO giftledger_owner;
ALTER TABLE giftcert.certificate_history OWNER TO giftledger_owner;
ALTER TABLE giftcert.definition OWNER TO giftledger_owner;
ALTER TABLE giftcert.account_currency OWNER TO giftledger_owner;
ALTER TABLE giftcert.reporting_setting OWNER TO giftledger_owner;

-- An unknown time zone is an error in Postgres; a report must not break on one. `giftledger migrate` fills this
-- from what the server knows.
CREATE TABLE giftcert.time_zone (
    name text COLLATE "C" PRIMARY KEY
);
ALTER TABLE giftcert.time_zone OWNER TO giftledger_owner;
COMMENT ON TABLE giftcert.time_zone IS 'The time zones that this server knows; any other name is reported, not used.';

-- migrate:down

DROP SCHEMA reporting_test CASCADE;
DROP SCHEMA reporting CASCADE;
DROP SCHEMA reporting_internal CASCADE;
DROP TABLE giftcert.time_zone;

ALTER TABLE giftcert.reporting_setting OWNER TO CURRENT_USER;
ALTER TABLE giftcert.account_currency OWNER TO CURRENT_USER;
ALTER TABLE giftcert.definition OWNER TO CURRENT_USER;
ALTER TABLE giftcert.certificate_history OWNER TO CURRENT_USER;
ALTER TABLE giftcert.certificate OWNER TO CURRENT_USER;
ALTER TABLE giftcert.webhook_attempt OWNER TO CURRENT_USER;
ALTER TYPE giftcert.attempt_outcome OWNER TO CURRENT_USER;
ALTER TYPE giftcert.event_kind OWNER TO CURRENT_USER;
ALTER SCHEMA giftcert OWNER TO CURRENT_USER;
