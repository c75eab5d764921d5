-- migrate:up

-- What the sender had confirmed when a month was prepared is signed with it.
ALTER TABLE giftcert.close_prepared ADD COLUMN coverage text NOT NULL DEFAULT '[]';
COMMENT ON COLUMN giftcert.close_prepared.coverage IS
    'JSON: of each currency what was outstanding then, and what of it the sender''s own list had confirmed within seven days.';
GRANT SELECT ON giftcert.reconciliation_run TO giftledger_closer;

-- migrate:down

REVOKE SELECT ON giftcert.reconciliation_run FROM giftledger_closer;
ALTER TABLE giftcert.close_prepared DROP COLUMN coverage;
